"""Instructions that users keep in files (AGENTS.md): what was read, and the event that keeps it. Sizes are bytes."""

from __future__ import annotations

import msgspec


class InstructionFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of instructions: `place` as it is shown and told (`../AGENTS.md`), its text, cut where it is longer than allowed.

    `is_of_user`: it is the user's own for all projects, so nobody else wrote it.
    """

    place: str
    text: str
    size: int = 0
    is_cut: bool = False
    is_of_user: bool = False


class InstructionSource(msgspec.Struct, frozen=True, kw_only=True):
    """Where instructions are from, and how many tokens they have."""

    place: str
    tokens: int = 0
    is_cut: bool = False
    is_of_user: bool = False


class InstructionsRead(msgspec.Struct, frozen=True, kw_only=True, tag="InstructionsRead"):
    """The instructions of the user and the project, as the system text carries them from here on, to the byte.

    `is_later`: they have changed since; the system text stays, and the next prompt tells the model.
    """

    text: str
    sources: tuple[InstructionSource, ...] = ()
    is_later: bool = False
