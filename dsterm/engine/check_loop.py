"""When the user's checks run in a turn: after an answer that followed edits, with what failed going back at most three times."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from dsterm.core.errors import DiskError, UsageError
from dsterm.core.events import Envelope, NoticeLevel, Steered, TurnEnd, TurnEnded
from dsterm.core.models import PermissionMode
from dsterm.core.undo_events import ChangesSaved, CheckpointSaved
from dsterm.engine.checks import CheckResult, MayRun, check_all, failure_words, standing
from dsterm.engine.live import LiveSession
from dsterm.render.wording import format_count, format_money

MOST_ROUNDS = 3
"""How often what failed goes back to the model in one turn."""

_SAME_FAILURES = 3


def chosen_checks(live: LiveSession) -> tuple[str, ...]:
    """The checks that hold here, each once: those of the settings, then those kept for this project."""
    parts = live.parts
    return tuple(dict.fromkeys((*parts.config.checks, *parts.trust.checks(parts.folder))))


class CheckLoop:
    """The checks of one turn. Made when the turn starts; `after` is asked whenever the model has answered."""

    def __init__(self, live: LiveSession, may_run: MayRun) -> None:
        self._live = live
        self._may_run = may_run
        self._rounds = 0
        self._runs = 0
        self._seen = _last_seq(live)
        self._dollars: Decimal | None = Decimal(0)
        self._ways: dict[str, list[str]] = {}

    async def after(self, ended: TurnEnded) -> Steered | None:
        """What goes back to the model because checks failed, to be emitted before the next step; None: the turn is over."""
        live = self._live
        if ended.reason is not TurnEnd.ANSWERED or live.are_checks_off or live.deciding_mode is PermissionMode.PLAN:
            return None
        commands = _holding_checks(live)
        has_changed = has_changed_files(live.journal.envelopes, self._seen)
        if not commands or not has_changed:
            if self._rounds:
                self._tell_round("the answer changed no file, so the checks would fail as before.", NoticeLevel.WARNING)
            return None
        self._runs += 1
        results = await check_all(live, commands, self._runs, self._may_run)
        self._seen = _last_seq(live)
        return self._settled(results)

    def _settled(self, results: Sequence[CheckResult]) -> Steered | None:
        failed = [result for result in results if result.has_failed]
        level = NoticeLevel.WARNING if failed else NoticeLevel.INFO
        if self._rounds:
            self._tell_round(standing(results), level)
        elif not failed and not all(result.passed for result in results):
            self._live.notice(standing(results), NoticeLevel.WARNING)
        words = failure_words(results)
        if words is None or self._is_stuck(failed):
            return None
        if self._rounds == MOST_ROUNDS:
            self._live.notice(
                f"The checks still fail after {MOST_ROUNDS} rounds, so it stops here. Say how to go on, or /undo.",
                NoticeLevel.WARNING,
            )
            return None
        self._rounds += 1
        self._dollars = self._live.session.turn_dollars
        text = (
            f"{len(failed)} of {format_count(len(results), 'check')} failed after your changes "
            f"(round {self._rounds} of {MOST_ROUNDS}). Repair what your changes broke; if a check failed for another "
            "reason, say so and change nothing."
        )
        return Steered(text=text, note=words)

    def _is_stuck(self, failed: Sequence[CheckResult]) -> bool:
        """Whether a check failed in the same way again and again: more of the same would only cost more."""
        ways = {result.command: [*self._ways.get(result.command, ()), result.way] for result in failed}
        self._ways = ways
        for command, seen in ways.items():
            if seen[-_SAME_FAILURES:] == [seen[-1]] * _SAME_FAILURES:
                self._live.notice(
                    f"`{' '.join(command.split())}` failed the same way {_SAME_FAILURES} times, so it stops here. "
                    "Say how to go on, or /checks off.",
                    NoticeLevel.WARNING,
                )
                return True
        return False

    def _tell_round(self, words: str, level: NoticeLevel) -> None:
        now = self._live.session.turn_dollars
        cost = None if now is None or self._dollars is None else now - self._dollars
        money = format_money(cost, is_estimate=self._live.session.is_turn_estimate)
        demo = " (demo, owed to nobody)" if self._live.provider.is_demo else ""
        spent = "at an unknown price" if cost is None else f"for {money}{demo}"
        self._live.notice(f"Round {self._rounds} of {MOST_ROUNDS} with the checks, {spent}: {words}", level)


def has_changed_files(envelopes: Sequence[Envelope], after: int) -> bool:
    """Whether a call left any file other than it was, in the events behind number `after`."""
    saved: dict[str, CheckpointSaved] = {}
    for envelope in envelopes:
        match envelope.event:
            case CheckpointSaved() as checkpoint if checkpoint.call_id:
                saved[checkpoint.call_id] = checkpoint
            case ChangesSaved() as left if envelope.seq > after:
                began = saved.get(left.call_id)
                before = {*(began.files if began else ()), *left.before}
                if before != set(left.files):
                    return True
            case _:
                pass
    return False


def _holding_checks(live: LiveSession) -> tuple[str, ...]:
    """The checks that hold, those of the settings alone where the kept ones can't be read."""
    try:
        return chosen_checks(live)
    except (DiskError, UsageError) as error:
        live.warn_of_grants(f"{error} Until then no rule and no check that was kept for this project holds.")
        return tuple(dict.fromkeys(live.parts.config.checks))


def _last_seq(live: LiveSession) -> int:
    envelopes = live.journal.envelopes
    return envelopes[-1].seq if envelopes else 0
