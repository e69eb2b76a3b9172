"""One step: build the request, send it, stream the answer, retry what may be retried, and book what it cost."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from dsterm.core.events import (
    MessageAdded,
    MessageProgress,
    NoticeLevel,
    ReasoningDelta,
    StepEnded,
    StepRetried,
    StepStarted,
    TextDelta,
    Timings,
    ToolCallDelta,
)
from dsterm.core.messages import AssistantMessage
from dsterm.core.models import Forecast, ThinkingMode, Usage
from dsterm.core.pricing import cost_of
from dsterm.core.provider import (
    Delta,
    Failure,
    FailureKind,
    ReasoningPiece,
    Request,
    StopReason,
    TextPiece,
    ToolCallPiece,
)
from dsterm.engine.live import LiveSession, Streaming
from dsterm.llm.assemble import Assembler
from dsterm.llm.retry import wait_before_retry

_PROGRESS_SECONDS = 1.0


class _Attempt:
    """One try at the stream: what came so far and when."""

    def __init__(self, live: LiveSession) -> None:
        self.live = live
        self.assembler = Assembler(live.session.call_ids())
        self.started = live.parts.clock.monotonic()
        self.first_token: float | None = None
        self.first_answer: float | None = None
        self._saved = (0, 0)
        self._saving: asyncio.TimerHandle | None = None
        self._arguments: dict[int, tuple[str, int]] = {}
        self.output_tokens = 0
        self.reasoning_tokens = 0

    @property
    def has_shown_text(self) -> bool:
        return self.first_token is not None

    def elapsed(self) -> float:
        return self.live.parts.clock.monotonic() - self.started

    def take(self, delta: Delta) -> None:
        """Fold one delta in and show it."""
        self.assembler.feed(delta)
        match delta:
            case ReasoningPiece(text=text) if text:
                self._count(text, is_reasoning=True)
                self.live.emit(ReasoningDelta(text))
            case TextPiece(text=text) if text:
                if self.first_answer is None:
                    self.first_answer = self.elapsed()
                self._count(text)
                self.live.emit(TextDelta(text))
            case ToolCallPiece():
                self._count(delta.name + delta.arguments)
                name, characters = self._arguments.get(delta.index, ("", 0))
                name, characters = name or delta.name, characters + len(delta.arguments)
                self._arguments[delta.index] = (name, characters)
                self.live.emit(ToolCallDelta(index=delta.index, name=name, characters=characters))
            case _:
                return
        if self._saving is None:
            # A timer and not the next delta: what was shown must be on disk even when the stream falls silent.
            self._saving = asyncio.get_running_loop().call_later(_PROGRESS_SECONDS, self._save_progress)

    def _count(self, text: str, *, is_reasoning: bool = False) -> None:
        if self.first_token is None:
            self.first_token = self.elapsed()
        tokens = self.live.parts.counter.count(text)
        self.output_tokens += tokens
        self.reasoning_tokens += tokens if is_reasoning else 0
        if self.live.streaming is not None:
            self.live.streaming.output_tokens = self.output_tokens

    def stop_saving(self) -> None:
        """No more MessageProgress: the message is complete, or void."""
        if self._saving is not None:
            self._saving.cancel()

    def _save_progress(self) -> None:
        self._saving = None
        content, reasoning = self.assembler.content, self.assembler.reasoning
        text_from, reasoning_from = self._saved
        if len(content) > text_from or len(reasoning) > reasoning_from:
            self.live.emit(MessageProgress(content=content[text_from:], reasoning=reasoning[reasoning_from:]))
        self._saved = (len(content), len(reasoning))

    def timings(self) -> Timings:
        return Timings(first_token=self.first_token, first_answer=self.first_answer, total=self.elapsed())


async def run_step(live: LiveSession, request: Request, forecast: Forecast) -> StepEnded:
    """Send `request` and stream its answer into the session; MessageAdded and StepEnded are emitted, the latter returned.

    On cancellation what was shown is kept, marked as cut, its estimated cost is booked, and CancelledError goes on.
    """
    _begin(live, request, forecast, "chosen by the user")
    live.streaming = Streaming(forecast.prompt_tokens, forecast.cached_tokens, request.model.price)
    try:
        return await _try_until_done(live, request, forecast)
    finally:
        live.streaming = None


def _begin(live: LiveSession, request: Request, forecast: Forecast, why: str) -> None:
    live.emit(
        StepStarted(
            provider=request.model.provider,
            model=request.model.id,
            mode=request.mode,
            why=why,
            forecast=forecast,
            is_demo=live.provider.is_demo,
        )
    )


async def _try_until_done(live: LiveSession, request: Request, forecast: Forecast) -> StepEnded:
    tries = 0
    shown: _Attempt | None = None
    while True:
        attempt = _Attempt(live)
        try:
            await _receive(live, request, attempt)
        except asyncio.CancelledError:
            _finish(attempt, request, forecast, StopReason.INTERRUPTED, None)
            raise
        failure = _failure_of(attempt)
        wait = None
        if failure is not None and not (attempt.has_shown_text and tries > 0):
            wait = wait_before_retry(failure, tries + 1, live.parts.jitter)
        if wait is None or failure is None:
            if failure is not None and not attempt.has_shown_text and shown is not None:
                _keep(shown, request)
            return _finish(attempt, request, forecast, attempt.assembler.stop, failure)
        tries += 1
        live.emit(StepRetried(attempt=tries, wait=wait, cause=failure.message))
        if attempt.has_shown_text:
            shown = attempt
            # The server will bill what it sent, so it is a step of its own, ended without a message.
            live.emit(_bill(attempt, request, forecast, StopReason.FAILED, failure))
            _begin(live, request, forecast, "tried again")
        await _sleep(live, request, wait, shown)


def _keep(shown: _Attempt, request: Request) -> None:
    """Better the half that was read already than nothing."""
    shown.live.emit(MessageAdded(message=shown.assembler.message(request.model.id, request.mode, is_cut=True)))


async def _sleep(live: LiveSession, request: Request, wait: float, shown: _Attempt | None) -> None:
    try:
        await asyncio.sleep(wait)
    except asyncio.CancelledError:
        if shown is not None:
            _keep(shown, request)
        demo = live.provider.is_demo
        live.emit(StepEnded(stop=StopReason.INTERRUPTED, model=request.model.id, is_demo=demo))
        raise


async def _receive(live: LiveSession, request: Request, attempt: _Attempt) -> None:
    try:
        async with aclosing(live.connection().stream(request)) as deltas:
            async for delta in deltas:
                attempt.take(delta)
    finally:
        attempt.stop_saving()


def _failure_of(attempt: _Attempt) -> Failure | None:
    if attempt.assembler.failure is not None:
        return attempt.assembler.failure
    if attempt.assembler.stop is StopReason.CUT:
        return Failure(
            kind=FailureKind.CONNECTION,
            message="The stream ended before the answer was complete.",
            hint="What was shown is kept; send the prompt again.",
            is_retryable=True,
        )
    return None


def _finish(
    attempt: _Attempt, request: Request, forecast: Forecast, stop: StopReason, failure: Failure | None
) -> StepEnded:
    live, assembler = attempt.live, attempt.assembler
    is_cut = failure is not None or stop in {StopReason.INTERRUPTED, StopReason.CUT}
    message = assembler.message(request.model.id, request.mode, is_cut=is_cut)
    if message.content or message.reasoning or message.tool_calls:
        live.emit(MessageAdded(message=message))
    ended = _bill(attempt, request, forecast, stop, failure)
    live.emit(ended)
    _check_mode(live, request, message)
    return ended


def _bill(
    attempt: _Attempt, request: Request, forecast: Forecast, stop: StopReason, failure: Failure | None
) -> StepEnded:
    live, assembler = attempt.live, attempt.assembler
    served = assembler.served_by or request.model.id
    price = live.parts.catalog.priced(request.model.provider, served)
    usage = assembler.usage
    if usage is None and (attempt.has_shown_text or failure is None):
        usage = Usage(
            prompt_tokens=forecast.prompt_tokens,
            cached_tokens=forecast.cached_tokens,
            completion_tokens=attempt.output_tokens,
            reasoning_tokens=attempt.reasoning_tokens,
            is_estimate=True,
        )
    return StepEnded(
        stop=stop,
        model=served,
        usage=usage,
        cost=None if usage is None else cost_of(usage, price),
        price=price,
        timings=attempt.timings(),
        failure=failure,
        is_demo=live.provider.is_demo,
    )


def _check_mode(live: LiveSession, request: Request, message: AssistantMessage) -> None:
    """Say once when reasoning came although none was asked for: it is billed."""
    if request.mode is ThinkingMode.NON_THINK and message.reasoning.strip() and not live.has_warned_of_reasoning:
        live.has_warned_of_reasoning = True
        live.notice(
            f"{live.provider.title} did not honour Non-think: the model reasoned, and that is billed as output.",
            NoticeLevel.WARNING,
        )
