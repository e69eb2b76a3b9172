"""The slash commands of the engine: one registry that completion, the palette and help read, and the dispatch over it."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable

import msgspec

from dsterm.core.errors import UsageError

_NEED_IDLE = frozenset(
    {
        "/attach",
        "/detach",
        "/snapshot",
        "/compact",
        "/new",
        "/resume",
        "/undo",
        "/redo",
        "/rewind",
        "/commit",
        "/review",
        "/checks",
        "/answer",
        "/init",
    }
)
"""Commands that change what the running turn stands on."""

_TAKE_TEXT = frozenset({"/compact", "/permissions", "/checks", "/commit", "/review"})
"""Commands whose arguments are taken as they were typed."""


class CommandSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A command as users see it; `choices` are the arguments that completion offers."""

    name: str
    usage: str
    help: str
    aliases: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()


class Command(msgspec.Struct, frozen=True):
    """A command and what runs it; `run` gets the words after the name. `needs_idle` ones wait for a running turn.

    `takes_text`: what follows the name is one word, as it was typed, quotation marks and all; none where nothing follows.
    """

    spec: CommandSpec
    run: Callable[[list[str]], Awaitable[None]]
    needs_idle: bool = False
    takes_text: bool = False


def split_line(line: str) -> tuple[str, list[str]]:
    """`/name some "quoted words"` into the name and the words; UsageError when a quote stays open."""
    name, rest = [*line.split(maxsplit=1), "", ""][:2]
    try:
        return name, shlex.split(rest)
    except ValueError as error:
        raise UsageError(f"{name}: a quotation mark is not closed.") from error


def command_name(line: str) -> str:
    """The first word of `line`."""
    return [*line.split(maxsplit=1), ""][0]


def words_for(command: Command, line: str) -> list[str]:
    """What `command` is run with for `line`; UsageError when a quote stays open in one that takes words."""
    if command.takes_text:
        return [text.strip() for text in line.split(maxsplit=1)[1:]]
    return split_line(line)[1]


def find_command(commands: tuple[Command, ...], name: str) -> Command:
    """The command called `name` or by that alias; UsageError when there is none."""
    for command in commands:
        if name == command.spec.name or name in command.spec.aliases:
            return command
    raise UsageError(f"{name} is not a command. Type / to see them all.")


def named_command(
    name: str,
    run: Callable[[list[str]], Awaitable[None]],
    arguments: str,
    text: str,
    aliases: tuple[str, ...] = (),
    choices: tuple[str, ...] = (),
) -> Command:
    """The command `name`, which `run` answers; `arguments` and `text` teach it."""
    usage = f"{name} {arguments}".strip()
    spec = CommandSpec(name=name, usage=usage, help=text, aliases=aliases, choices=choices)
    return Command(spec, run, needs_idle=name in _NEED_IDLE, takes_text=name in _TAKE_TEXT)
