"""The slash commands that every front end has, as one table: what they are called, what they teach, what they do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from dsterm.core.errors import UsageError
from dsterm.core.models import PermissionMode, ThinkingMode
from dsterm.engine.calls.deciding import may_run_in_the_open
from dsterm.engine.live import LiveSession
from dsterm.engine.opening import Opening
from dsterm.engine.slash.balance_command import balance
from dsterm.engine.slash.checks_command import checks_command
from dsterm.engine.slash.commands import Command, named_command
from dsterm.engine.slash.commit import commit
from dsterm.engine.slash.context_commands import context_commands
from dsterm.engine.slash.cost_report import cost_report
from dsterm.engine.slash.jobs_command import jobs, release
from dsterm.engine.slash.permissions_command import choose_permission_mode, permissions
from dsterm.engine.slash.provider_command import back, provider_command
from dsterm.engine.slash.review_command import review_prompt
from dsterm.engine.slash.standing import model_list, session_list, status_report
from dsterm.engine.slash.stats_report import stats_report
from dsterm.engine.slash.trust_command import trust
from dsterm.engine.steps.answer_now import run_answer_now
from dsterm.engine.turn import run_turn
from dsterm.engine.undoing.rewind import rewind
from dsterm.engine.undoing.undo import redo, undo

_MODE_ALIASES = {"off": ThinkingMode.NON_THINK, "on": ThinkingMode.THINK, "max": ThinkingMode.THINK_MAX}


class BuiltinCommands:
    """The commands over the session that `live` gives; `switch` goes on with another one."""

    def __init__(
        self, opening: Opening, live: Callable[[], LiveSession], switch: Callable[[LiveSession], Awaitable[None]]
    ) -> None:
        self._opening = opening
        self._live = live
        self._switch = switch

    def table(self) -> tuple[Command, ...]:
        """All of them, in the order of the help."""
        return (*self._before(), *context_commands(self._live), *self._after())

    def _before(self) -> tuple[Command, ...]:
        modes, permission_modes = tuple(ThinkingMode), tuple(PermissionMode)
        return (
            named_command(
                "/model", self._model, "[pro|flash|ID]", "choose the model, or list them", (), ("pro", "flash")
            ),
            named_command("/mode", self._mode, "[MODE]", "choose how much it reasons", ("/think",), modes),
            named_command(
                "/provider",
                self._provider,
                "[NAME|NAME/MODEL]",
                "go on at another provider, or list them with prices",
                choices=tuple(card.name for card in self._live().parts.catalog.providers if card.base_url),
            ),
            named_command("/back", self._back, "", "return to what you chose, after another provider went on"),
            named_command("/answer", self._answer, "", "have a turn that was stopped while reasoning answered now"),
            named_command("/pro", self._pro, "", "send the next request to Pro"),
            named_command("/flash", self._flash, "", "send the next request to Flash"),
            named_command(
                "/permissions",
                self._permissions,
                "[MODE|explain COMMAND|remove N|suggest]",
                "what happens unasked, and why",
                choices=(*permission_modes, "explain", "remove", "suggest", "keep"),
            ),
            named_command("/plan", self._plan, "", "plan only: nothing is changed or run until you accept"),
            named_command(
                "/trust", self._trust, "[yes|no]", "say whether you trust this folder", choices=("yes", "no")
            ),
            named_command(
                "/checks",
                self._checks,
                "[add COMMAND|drop N|run|accept|on|off]",
                "commands that run after a turn that edited, and go back to the model when they fail",
                choices=("add", "drop", "run", "accept", "on", "off"),
            ),
            named_command("/commit", self._commit, "[HINT]", "propose a message and commit what is staged or chosen"),
            named_command("/review", self._review, "[BASE]", "have the changes reviewed; nothing is changed"),
            named_command("/jobs", self._jobs, "[ID|stop ID]", "commands of this session, their output, stop one"),
            named_command("/bg", self._background, "", "let the running command go on in the background"),
        )

    def _after(self) -> tuple[Command, ...]:
        return (
            named_command("/undo", self._undo, "[N]", "take back what the last turn did to files, or the last N turns"),
            named_command("/redo", self._redo, "[N]", "bring forward again what /undo took back"),
            named_command(
                "/rewind", self._rewind, "[N [WAY]]", "go back to before a prompt: files, conversation or both"
            ),
            named_command("/cost", self._cost, "", "what this session came to, by request, model and mode"),
            named_command("/balance", self._balance, "", "what is left on the account, where the provider tells"),
            named_command("/stats", self._stats, "", "how requests and tools went: times, retries, failures"),
            named_command("/status", self._status, "", "session, model, window, folder"),
            named_command("/new", self._new, "", "begin a new session", ("/clear",)),
            named_command("/resume", self._resume, "[ID]", "go on with an earlier session", ("/sessions",)),
        )

    async def _model(self, words: list[str]) -> None:
        live = self._live()
        if words:
            live.choose_model(live.parts.catalog.model(live.provider.name, words[0]))
        else:
            live.notice(model_list(live))

    async def _provider(self, words: list[str]) -> None:
        await provider_command(self._live(), words)

    async def _back(self, _words: list[str]) -> None:
        await back(self._live())

    async def _answer(self, _words: list[str]) -> None:
        await run_answer_now(self._live())

    async def _pro(self, _words: list[str]) -> None:
        await self._model(["pro"])

    async def _flash(self, _words: list[str]) -> None:
        await self._model(["flash"])

    async def _mode(self, words: list[str]) -> None:
        live = self._live()
        if words:
            live.choose_mode(_MODE_ALIASES.get(words[0]) or _thinking_mode(words[0]))
        else:
            live.notice(f"The mode is {live.mode.label}. There are: {', '.join(ThinkingMode)}")

    async def _permissions(self, words: list[str]) -> None:
        await permissions(self._live(), "".join(words))

    async def _checks(self, words: list[str]) -> None:
        live = self._live()
        await checks_command(live, "".join(words), partial(may_run_in_the_open, live))

    async def _commit(self, words: list[str]) -> None:
        await commit(self._live(), "".join(words))

    async def _review(self, words: list[str]) -> None:
        live = self._live()
        asked = await review_prompt(live, "".join(words))
        live.only_reads = True
        try:
            await run_turn(live, asked.prompt, asked.data)
        finally:
            live.only_reads = False

    async def _plan(self, _words: list[str]) -> None:
        await choose_permission_mode(self._live(), PermissionMode.PLAN)

    async def _trust(self, words: list[str]) -> None:
        await trust(self._live(), words)

    async def _jobs(self, words: list[str]) -> None:
        await jobs(self._live(), words)

    async def _background(self, _words: list[str]) -> None:
        release(self._live())

    async def _undo(self, words: list[str]) -> None:
        await undo(self._live(), words)

    async def _redo(self, words: list[str]) -> None:
        await redo(self._live(), words)

    async def _rewind(self, words: list[str]) -> None:
        await rewind(self._live(), words)

    async def _cost(self, _words: list[str]) -> None:
        self._live().notice(cost_report(self._live().journal.envelopes))

    async def _balance(self, _words: list[str]) -> None:
        await balance(self._live())

    async def _stats(self, _words: list[str]) -> None:
        self._live().notice(stats_report(self._live().journal.envelopes))

    async def _status(self, _words: list[str]) -> None:
        live = self._live()
        live.repo = await live.parts.repo_state()
        live.notice(status_report(live))

    async def _new(self, _words: list[str]) -> None:
        await self._switch(self._opening.new_like(self._live()))

    async def _resume(self, words: list[str]) -> None:
        if not words:
            self._live().notice(session_list(self._opening.sessions()))
            return
        former = self._live()
        if former.journal.session_id.startswith(words[0]):
            raise UsageError("That session is this one.")
        live = self._opening.resume(words[0])
        live.follow(former)
        await self._switch(live)
        self._live().notice(f"Resumed session {self._live().journal.session_id}.")


def _thinking_mode(word: str) -> ThinkingMode:
    try:
        return ThinkingMode(word)
    except ValueError as error:
        raise UsageError(f"{word} is not a mode. There are: {', '.join(ThinkingMode)}") from error
