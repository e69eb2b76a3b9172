"""A command as it is decided about: the programs it calls, where it would run, and the rules that cover such calls."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Confinement(StrEnum):
    """Where a command runs: in the sandbox, in the sandbox with the network, or as the user without any sandbox."""

    SANDBOX = "sandbox"
    NETWORK = "network"
    OPEN = "open"


class ProgramCall(msgspec.Struct, frozen=True, kw_only=True):
    """One program that a command line calls, wherever in it: its literal words, from the program's name on.

    `can_be_ruled` is False where a prefix of these words doesn't tell what runs: a word is computed, variables are set for it,
    its output goes to a file, or the program runs what its arguments name. `inspects`: it is known to read only.
    `rule` is the prefix that an "always allow" would keep, empty where none is offered.
    """

    words: tuple[str, ...]
    can_be_ruled: bool = False
    inspects: bool = False
    rule: tuple[str, ...] = ()


class PlannedCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A command as the user decides about it: the whole text, what it is for, the folder it runs in (as shown), its place."""

    command: str
    folder: str
    confinement: Confinement
    description: str = ""
    calls: tuple[ProgramCall, ...] = ()
    is_understood: bool = True
    is_background: bool = False


class CommandRule(msgspec.Struct, frozen=True, kw_only=True):
    """What the user always allows in this project: calls that begin with these words, in the sandbox, with or without network."""

    words: tuple[str, ...]
    confinement: Confinement = Confinement.SANDBOX
