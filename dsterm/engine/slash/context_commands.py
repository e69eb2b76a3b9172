"""The slash commands about what stands in the context window: attach, detach and the like."""

from __future__ import annotations

from collections.abc import Callable

from dsterm.core.errors import UsageError
from dsterm.core.events import NoticeLevel
from dsterm.core.repo_events import RepoDetached
from dsterm.engine.live import LiveSession
from dsterm.engine.slash.commands import Command, named_command

ATTACH_USAGE = "SOURCE... [--include GLOB] [--exclude GLOB] [--preset NAME] [--since REV] [--tracked-only]"
"""A source is a folder, a file, PATH@REV or the address of a repository."""


def context_commands(live: Callable[[], LiveSession]) -> tuple[Command, ...]:
    """They work on the session that `live` gives; in the order of the help."""
    commands = _ContextCommands(live)
    return (
        named_command("/attach", commands.attach, ATTACH_USAGE, "put the text of files or a repo into the window"),
        named_command("/detach", commands.detach, "[SOURCE]", "take an attached repo out again"),
        named_command(
            "/snapshot", commands.snapshot, "[SOURCE]", "attach a repo anew, as it is now, in place of the old"
        ),
        named_command("/init", commands.init, "", "have an AGENTS.md written, or the one that is there improved"),
        named_command("/context", commands.context, "", "what fills the window, what that costs, and what would help"),
        named_command(
            "/cache", commands.cache, "[all]", "what came from the cache, and what did not and why", choices=("all",)
        ),
        named_command("/forecast", commands.forecast, "", "what the next send costs, line by line, and why"),
        named_command(
            "/compact",
            commands.compact,
            "[FOCUS|prune|undo]",
            "sum up what is old, or take out long results; undo brings the originals back",
            choices=("prune", "undo"),
        ),
    )


class _ContextCommands:
    def __init__(self, live: Callable[[], LiveSession]) -> None:
        self._live = live

    async def attach(self, words: list[str]) -> None:
        from dsterm.engine.attaching.attach import attach  # noqa: PLC0415  only when something is attached
        from dsterm.engine.attaching.words import read_words  # noqa: PLC0415

        sources, choice = read_words(words)
        for source in sources:
            await attach(self._live(), source, choice)

    async def snapshot(self, words: list[str]) -> None:
        from dsterm.engine.attaching.fresh_snapshot import snapshot  # noqa: PLC0415  rarely asked for

        await snapshot(self._live(), words)

    async def init(self, _words: list[str]) -> None:
        from dsterm.engine.slash.init_command import init_prompt  # noqa: PLC0415  once in a project's life
        from dsterm.engine.turn import run_turn  # noqa: PLC0415

        live = self._live()
        await run_turn(live, init_prompt(live))

    async def forecast(self, _words: list[str]) -> None:
        from dsterm.engine.forecasting.explanation import forecast_report  # noqa: PLC0415  rarely asked for

        live = self._live()
        live.notice(forecast_report(live))

    async def context(self, _words: list[str]) -> None:
        from dsterm.engine.slash.context_report import context_report  # noqa: PLC0415  rarely asked for

        live = self._live()
        live.emit(context_report(live))

    async def cache(self, words: list[str]) -> None:
        from dsterm.engine.caching.cache_report import cache_report, cache_report_of_all  # noqa: PLC0415  rarely asked for

        live = self._live()
        if words not in ([], ["all"]):
            raise UsageError("/cache, or /cache all for all sessions.")
        live.emit(await cache_report_of_all(live) if words else cache_report(live))

    async def compact(self, words: list[str]) -> None:
        from dsterm.engine.compacting.compact import compact  # noqa: PLC0415  rarely asked for

        await compact(self._live(), "".join(words))

    async def detach(self, words: list[str]) -> None:
        live = self._live()
        packs = live.session.packs
        if not packs:
            raise UsageError("Nothing is attached.")
        chosen = [pack for pack in packs if not words or pack.source == words[0]]
        if len(chosen) != 1:
            raise UsageError(f"Say which: {', '.join(pack.source for pack in packs)}")
        sent = live.session.sent
        was_sent = sent is not None and chosen[0] in live.session.messages[: sent.messages]
        live.emit(RepoDetached(digest=chosen[0].digest))
        if was_sent:
            live.notice("The next prompt reads anew what stood behind it, once.", NoticeLevel.WARNING)
