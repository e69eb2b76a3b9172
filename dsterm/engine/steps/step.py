"""One step: send the request, stream the answer, try again or mend what can be, and book what it cost."""

from __future__ import annotations

import asyncio

from dsterm.context.forecast import sent_again
from dsterm.core.events import MessageAdded, StepEnded, StepRetried, StepStarted
from dsterm.core.models import Forecast
from dsterm.core.provider import Failure, FailureKind, Request, StopReason
from dsterm.core.wire_events import Intervened, Intervention
from dsterm.engine.caching.telling import tell_miss
from dsterm.engine.live import LiveSession, Streaming
from dsterm.engine.steps.affordable import affordable
from dsterm.engine.steps.attempt import ShownAttempt
from dsterm.engine.steps.booking import bill
from dsterm.engine.steps.continuity import continuity
from dsterm.engine.steps.mending import Mended, mended
from dsterm.engine.steps.observed import tell_observed
from dsterm.engine.steps.tries import Tries

_CUT_SHORT = frozenset({StopReason.INTERRUPTED, StopReason.CUT, StopReason.LOOPED})
"""Ends that leave the answer, and any call in it, half written."""


async def run_step(live: LiveSession, request: Request, forecast: Forecast) -> StepEnded:
    """Send `request` and stream its answer into the session; MessageAdded and StepEnded are emitted, the latter returned.

    On cancellation what was shown is kept, marked as cut, its estimated cost is booked, and CancelledError goes on. UsageError,
    before anything is emitted, where the provider has no key.
    """
    step = _Step(live, request, forecast)
    moment = live.parts.clock.now()
    live.streaming = Streaming(forecast.prompt_tokens, forecast.cached_tokens, request.model.price_at(moment))
    try:
        return await step.run()
    finally:
        live.streaming = None


class _Step:
    """The request of a step through all its tries.

    Each try that is billed, and each that was refused and mended, is a step of its own in the log: ended, and begun anew.
    """

    def __init__(self, live: LiveSession, request: Request, forecast: Forecast) -> None:
        self._live = live
        self._request = request
        self._forecast = forecast
        self._connection = live.connection()
        self._provider = live.parts.catalog.provider(request.model.provider)
        self._tries = Tries(live.parts.jitter)
        self._mended: set[FailureKind] = set()
        self._shown: ShownAttempt | None = None

    async def run(self) -> StepEnded:
        """Try until there is an answer, or none to be had."""
        self._begin("chosen by the user")
        while True:
            attempt = ShownAttempt(self._live, self._request, self._forecast)
            try:
                await attempt.receive(self._connection)
            except asyncio.CancelledError:
                self._finish(attempt, StopReason.INTERRUPTED, None)
                raise
            failure = attempt.failure
            if failure is None:
                return self._finish(attempt, attempt.stop, None)
            again = affordable(attempt, failure)
            self._request = again or self._request
            change = None if again is None or failure.kind in self._mended else self._mend(failure)
            if change is not None:
                self._send_instead(attempt, failure, change)
                continue
            wait = self._tries.wait_after(attempt, failure)
            if wait is None or again is None:
                return self._finish(attempt, attempt.stop, self._tries.counted(failure))
            self._live.emit(self._retried(attempt, wait, failure))
            self._put_aside(attempt, failure)
            await self._sleep(wait)

    def _begin(self, why: str) -> None:
        found = continuity(self._live, self._request)
        self._live.emit(
            StepStarted(
                provider=self._request.model.provider,
                model=self._request.model.id,
                mode=self._request.mode,
                why=why,
                forecast=self._forecast,
                is_demo=self._provider.is_demo,
                digest=found.digest,
                broke=found.broke,
                broke_at=found.at,
            )
        )
        if found.is_lost:
            text = "This request does not continue the one before, so it is read and billed anew. That is a fault of dsterm's."
            self._live.emit(Intervened(kind=Intervention.PREFIX_LOST, text=text))

    def _retried(self, attempt: ShownAttempt, wait: float, failure: Failure) -> StepRetried:
        cause = f"{failure.message} The answer begins anew." if attempt.has_text else failure.message
        return StepRetried(attempt=self._tries.made, wait=wait, cause=cause, limit=self._tries.limit)

    def _mend(self, failure: Failure) -> Mended | None:
        return mended(self._request, self._forecast, failure, self._provider)

    def _send_instead(self, attempt: ShownAttempt, failure: Failure, change: Mended) -> None:
        self._mended.add(failure.kind)
        self._live.emit(bill(attempt, StopReason.FAILED, failure))
        self._live.emit(change.change)
        self._request = change.request
        self._begin("mended")

    def _put_aside(self, attempt: ShownAttempt, failure: Failure) -> None:
        """What came of the attempt is void, but where the server will bill it, it is a step of its own without a message."""
        if attempt.has_text:
            self._shown = attempt
        ended = bill(attempt, StopReason.FAILED, failure)
        if ended.usage is not None:
            self._live.emit(ended)
            self._forecast = sent_again(self._forecast, self._request.model)
            if self._live.streaming is not None:
                self._live.streaming.cached_tokens = self._forecast.cached_tokens
            self._begin("tried again")

    async def _sleep(self, wait: float) -> None:
        try:
            await asyncio.sleep(wait)
        except asyncio.CancelledError:
            self._keep_shown()
            model, is_demo = self._request.model.id, self._provider.is_demo
            self._live.emit(StepEnded(stop=StopReason.INTERRUPTED, model=model, is_demo=is_demo))
            raise

    def _keep_shown(self) -> None:
        """Better the half that was read already than nothing."""
        if self._shown is not None:
            self._live.emit(MessageAdded(message=self._shown.message(is_cut=True)))

    def _finish(self, attempt: ShownAttempt, stop: StopReason, failure: Failure | None) -> StepEnded:
        is_cut = failure is not None or stop in _CUT_SHORT
        message = attempt.message(is_cut=is_cut)
        if message.content or message.reasoning or message.tool_calls:
            self._live.emit(MessageAdded(message=message))
        elif is_cut:
            self._keep_shown()
        ended = bill(attempt, stop, failure)
        self._live.emit(ended)
        tell_observed(self._live, self._request, ended, message)
        tell_miss(self._live, ended)
        return ended
