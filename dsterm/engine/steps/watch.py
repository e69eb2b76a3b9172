"""The watchdog of a stream: how long a server says nothing, what the user hears of it, and when it is enough.

Any sign of life counts, keep-alive comments too. The timer is not set anew with every delta: it looks, when it fires, how
long ago the last one came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from dsterm.core.provider import Failure, FailureKind
from dsterm.core.questions import Answer, Option, QuestionAnswered, QuestionAsked
from dsterm.core.wire_events import StepStalled
from dsterm.engine.live import LiveSession
from dsterm.engine.questions import DENY

TRY_AGAIN = "try-again"
KEEP_WAITING = "keep-waiting"

_OPTIONS = (
    Option(key="r", answer=TRY_AGAIN, label="try again"),
    Option(key="w", answer=KEEP_WAITING, label="keep waiting"),
)


class Watch:
    """Watches one attempt: a notice, an offer to try again where someone can answer, and in the end a failure."""

    def __init__(self, live: LiveSession, title: str) -> None:
        self._live = live
        self._title = title
        self._loop = asyncio.get_running_loop()
        self._patience = live.parts.patience
        self._most = float(live.parts.config.idle_timeout)
        self._heard_at = self._told_at = self._loop.time()
        self._has_told = self._has_offered = False
        self._limit: asyncio.Timeout | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._offering: asyncio.Task[None] | None = None
        self._is_stopped = False
        self.failure: Failure | None = None
        self.wants_retry = False

    async def over(self, receiving: Coroutine[object, object, None]) -> None:
        """Let `receiving` run until it is over, or given up, as `failure` says then; CancelledError when the user stops it."""
        self._heard_at = self._loop.time()
        try:
            async with asyncio.timeout(None) as self._limit:
                self._look()
                await receiving
        except TimeoutError:
            if self.failure is None:
                raise
        finally:
            self._limit = None
            if self._timer is not None:
                self._timer.cancel()
            await self._withdraw()
        if self._is_stopped:
            raise asyncio.CancelledError

    def heard(self) -> None:
        """The server is alive."""
        self._heard_at = self._loop.time()
        if self._has_told:
            self._live.emit(StepStalled(seconds=0))
        self._has_told = self._has_offered = False
        if self._offering is not None:
            self._offering.cancel()

    def _look(self) -> None:
        now, patience = self._loop.time(), self._patience
        silent = now - self._heard_at
        if silent >= self._most:
            self._give_up(f"{self._title} has sent nothing for {silent:,.0f} s.")
            return
        if silent >= patience.notice and (not self._has_told or now - self._told_at >= patience.every):
            self._has_told, self._told_at = True, now
            self._live.emit(StepStalled(seconds=silent))
        if silent >= patience.offer and not self._has_offered and self._live.parts.can_ask:
            self._has_offered = True
            self._offering = asyncio.create_task(self._offer(silent))
        next_word = self._told_at + patience.every if self._has_told else self._heard_at + patience.notice
        due = [next_word, self._heard_at + self._most]
        if not self._has_offered:
            due.append(self._heard_at + patience.offer)
        self._timer = self._loop.call_at(min(moment for moment in due if moment > now), self._look)

    async def _offer(self, silent: float) -> None:
        """Ask whether to try again; life answers for the user."""
        question = QuestionAsked(
            id=self._live.parts.new_id(),
            text=f"{self._title} has sent nothing for {silent:,.0f} s. Try again?",
            options=_OPTIONS,
        )
        self._live.emit(question)
        try:
            answer = await self._live.questions.wait(question.id)
        except asyncio.CancelledError:
            kept = Answer(answer=KEEP_WAITING)
            self._live.emit(QuestionAnswered(id=question.id, answer=kept, by="policy"))
            raise
        self._live.emit(QuestionAnswered(id=question.id, answer=answer))
        silent = self._loop.time() - self._heard_at
        if answer.answer == TRY_AGAIN:
            self.wants_retry = True
            self._give_up(f"You had it tried again after {silent:,.0f} s of silence.")
        elif answer.answer == DENY:
            self._is_stopped = True
            self._give_up("You stopped it.")

    def _give_up(self, message: str) -> None:
        if self._limit is None or self.failure is not None:
            return
        hint = "Send the prompt again, or go on with another provider: /provider."
        self.failure = Failure(kind=FailureKind.TIMEOUT, message=message, hint=hint, is_retryable=True)
        self._limit.reschedule(self._loop.time())

    async def _withdraw(self) -> None:
        """Nothing is asked any more once the stream is over."""
        if self._offering is not None:
            self._offering.cancel()
            await asyncio.wait([self._offering])
            if not self._offering.cancelled():
                self._offering.result()
