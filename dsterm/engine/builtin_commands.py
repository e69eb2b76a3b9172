"""The slash commands that every front end has, as one table: what they are called, what they teach, what they do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from dsterm.core.errors import UsageError
from dsterm.core.events import NoticeLevel, RepoDetached
from dsterm.core.models import PermissionMode, ThinkingMode
from dsterm.engine.attach import attach
from dsterm.engine.commands import Command, CommandSpec
from dsterm.engine.cost_report import cost_report
from dsterm.engine.live import LiveSession
from dsterm.engine.opening import Opening
from dsterm.engine.standing import model_list, session_list, status_report

_MODE_ALIASES = {"off": ThinkingMode.NON_THINK, "on": ThinkingMode.THINK, "max": ThinkingMode.THINK_MAX}

_Choice = TypeVar("_Choice", ThinkingMode, PermissionMode)


def build_commands(
    opening: Opening, live: Callable[[], LiveSession], switch: Callable[[LiveSession], Awaitable[None]]
) -> tuple[Command, ...]:
    """All commands over the session that `live` gives; `switch` goes on with another one."""

    async def model(words: list[str]) -> None:
        if not words:
            live().notice(model_list(live()))
            return
        live().choose_model(live().parts.catalog.model(live().provider.name, words[0]))

    async def mode(words: list[str]) -> None:
        if not words:
            live().notice(f"The mode is {live().mode.label}. There are: {', '.join(ThinkingMode)}")
            return
        live().choose_mode(_MODE_ALIASES.get(words[0]) or _choice(ThinkingMode, words[0], "mode"))

    async def permissions(words: list[str]) -> None:
        if not words:
            live().notice(f"The permission mode is {live().permission_mode}. There are: {', '.join(PermissionMode)}")
            return
        live().choose_permissions(_choice(PermissionMode, words[0], "permission mode"))

    async def attach_repo(words: list[str]) -> None:
        if len(words) != 1:
            raise UsageError("/attach takes one PATH or URL of a git repo, with @REV if you like.")
        await attach(live(), words[0])

    async def detach(words: list[str]) -> None:
        _detach(live(), words)

    async def cost(_words: list[str]) -> None:
        live().notice(cost_report(live().journal.envelopes))

    async def status(_words: list[str]) -> None:
        live().repo = await live().parts.repo_state()
        live().notice(status_report(live()))

    async def new(_words: list[str]) -> None:
        await switch(opening.new_like(live()))

    async def resume(words: list[str]) -> None:
        if not words:
            live().notice(session_list(opening.sessions()))
            return
        await switch(opening.resume(words[0]))
        live().notice(f"Resumed session {live().journal.session_id}.")

    async def pro(_words: list[str]) -> None:
        await model(["pro"])

    async def flash(_words: list[str]) -> None:
        await model(["flash"])

    modes = tuple(ThinkingMode)
    return (
        _command(
            "/model",
            model,
            "[pro|flash|ID]",
            "choose the model of the next request, or list them",
            choices=("pro", "flash"),
        ),
        _command("/mode", mode, "[non-think|think|think-max]", "choose how much it reasons", ("/think",), modes),
        _command("/pro", pro, "", "send the next request to Pro"),
        _command("/flash", flash, "", "send the next request to Flash"),
        _command(
            "/permissions", permissions, "[MODE]", "choose what happens without asking", choices=tuple(PermissionMode)
        ),
        _command("/attach", attach_repo, "PATH_OR_URL[@REV]", "put the text of a git repo into the window"),
        _command("/detach", detach, "[SOURCE]", "take an attached repo out again"),
        _command("/cost", cost, "", "what this session came to, by request, model and mode"),
        _command("/status", status, "", "session, model, window, folder"),
        _command("/new", new, "", "begin a new session", ("/clear",)),
        _command("/resume", resume, "[ID]", "go on with an earlier session of this folder", ("/sessions",)),
    )


def _command(
    name: str,
    run: Callable[[list[str]], Awaitable[None]],
    arguments: str,
    text: str,
    aliases: tuple[str, ...] = (),
    choices: tuple[str, ...] = (),
) -> Command:
    usage = f"{name} {arguments}".strip()
    return Command(CommandSpec(name=name, usage=usage, help=text, aliases=aliases, choices=choices), run)


def _choice(kind: type[_Choice], word: str, what: str) -> _Choice:
    try:
        return kind(word)
    except ValueError as error:
        raise UsageError(f"{word} is not a {what}. There are: {', '.join(kind)}") from error


def _detach(live: LiveSession, words: list[str]) -> None:
    packs = live.session.packs
    if not packs:
        raise UsageError("Nothing is attached.")
    chosen = [pack for pack in packs if not words or pack.source == words[0]]
    if len(chosen) != 1:
        raise UsageError(f"Say which: {', '.join(pack.source for pack in packs)}")
    live.emit(RepoDetached(digest=chosen[0].digest))
    live.notice(
        f"{chosen[0].source} is out of the conversation. The provider's cache is lost from there on, once.",
        NoticeLevel.WARNING,
    )
