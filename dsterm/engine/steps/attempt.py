"""One try at the stream of a request: what came so far, when, how many tokens by our own count, and what went wrong."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from msgspec.structs import replace

from dsterm.core.delta_events import MessageProgress, ReasoningDelta, TextDelta, ToolCallDelta
from dsterm.core.events import Timings
from dsterm.core.messages import AssistantMessage
from dsterm.core.models import Forecast
from dsterm.core.provider import (
    WAS_SENT,
    Delta,
    Ended,
    Failure,
    FailureKind,
    Provider,
    ReasoningPiece,
    Request,
    Sent,
    StopReason,
    TextPiece,
    ToolCallPiece,
)
from dsterm.engine.live import LiveSession
from dsterm.engine.steps.loops_reasoning import ReasoningWatch
from dsterm.engine.steps.watch import Watch
from dsterm.llm.assemble import Assembler

_PROGRESS_SECONDS = 1.0


class Attempt:
    """One try, of which nothing is shown."""

    def __init__(self, live: LiveSession, request: Request, forecast: Forecast) -> None:
        self.live = live
        self.request = request
        self.forecast = forecast
        self.provider = live.parts.catalog.provider(request.model.provider)
        self.assembler = Assembler(live.session.call_ids())
        self.watch = Watch(live, self.provider.title)
        self.began = live.parts.clock.now()
        self.was_sent = self.was_heard = False
        self.is_looping = False
        self.output_tokens = 0
        self.reasoning_tokens = 0
        self._started = live.parts.clock.monotonic()
        self._first_token: float | None = None
        self._first_answer: float | None = None
        self._thoughts = ReasoningWatch()

    async def receive(self, provider: Provider) -> None:
        """Send the request and take in all that comes, until it is over, goes round in circles or the watch gives up."""
        await self.watch.over(self._stream(provider))

    async def _stream(self, provider: Provider) -> None:
        try:
            async with aclosing(provider.stream(self.request)) as deltas:
                async for delta in deltas:
                    if not isinstance(delta, Sent):
                        self.watch.heard()
                    self.take(delta)
                    if self.is_looping or self.assembler.failure is not None:
                        return
        except asyncio.CancelledError as stop:
            self.was_sent |= stop.args == (WAS_SENT,)
            raise

    def take(self, delta: Delta) -> None:
        """Fold one delta in."""
        self.was_sent |= isinstance(delta, Sent)
        self.was_heard |= not isinstance(delta, Ended | Sent)
        self.assembler.feed(delta)
        match delta:
            case ReasoningPiece(text=text) if text:
                self._count(text, is_reasoning=True)
                self.is_looping = self._thoughts.feed(text)
            case TextPiece(text=text) if text:
                if self._first_answer is None:
                    self._first_answer = self._elapsed()
                self._count(text)
            case ToolCallPiece():
                self._count(delta.name + delta.arguments)
            case _:
                pass

    @property
    def has_text(self) -> bool:
        """Whether anything of an answer came: reasoning, text or a tool call."""
        return self._first_token is not None

    @property
    def stop(self) -> StopReason:
        """Why it ended."""
        return StopReason.LOOPED if self.is_looping else self.assembler.stop

    def message(self, *, is_cut: bool) -> AssistantMessage:
        """What came as a message; of reasoning that went round in circles only what came before."""
        made = self.assembler.message(self.request.model.id, self.request.mode, is_cut=is_cut)
        return replace(made, reasoning=made.reasoning[: self._thoughts.sane]) if self.is_looping else made

    @property
    def failure(self) -> Failure | None:
        """Why this is no answer to go on with; a stream that was cut or ran out of capacity is none."""
        if self.watch.failure is not None:
            return self.watch.failure
        if self.assembler.failure is not None:
            return self.assembler.failure
        match self.stop:
            case StopReason.CUT:
                return Failure(
                    kind=FailureKind.CONNECTION,
                    message="The stream ended before the answer was complete.",
                    hint="What was shown is kept; send the prompt again.",
                    is_retryable=True,
                )
            case StopReason.INSUFFICIENT_RESOURCE:
                return Failure(
                    kind=FailureKind.SERVER,
                    message=f"{self.provider.title} ran out of capacity in mid-answer.",
                    hint="Send the prompt again in a while.",
                    is_retryable=True,
                )
            case _:
                return None

    def timings(self) -> Timings:
        """When what came, up to now."""
        return Timings(first_token=self._first_token, first_answer=self._first_answer, total=self._elapsed())

    def _elapsed(self) -> float:
        return self.live.parts.clock.monotonic() - self._started

    def _count(self, text: str, *, is_reasoning: bool = False) -> None:
        if self._first_token is None:
            self._first_token = self._elapsed()
        tokens = self.live.parts.counter.count(text)
        self.output_tokens += tokens
        self.reasoning_tokens += tokens if is_reasoning else 0


class ShownAttempt(Attempt):
    """One try at a step of the conversation: deltas go out as they come, and to the log once a second."""

    def __init__(self, live: LiveSession, request: Request, forecast: Forecast) -> None:
        super().__init__(live, request, forecast)
        self._saved = (0, 0)
        self._saving: asyncio.TimerHandle | None = None
        self._arguments: dict[int, tuple[str, int]] = {}

    async def receive(self, provider: Provider) -> None:
        """Send the request, take in all that comes and show it."""
        try:
            await super().receive(provider)
        finally:
            # The message is complete, or void.
            if self._saving is not None:
                self._saving.cancel()

    def take(self, delta: Delta) -> None:
        """Fold one delta in and show it."""
        super().take(delta)
        match delta:
            case ReasoningPiece(text=text) if text:
                self.live.emit(ReasoningDelta(text))
            case TextPiece(text=text) if text:
                self.live.emit(TextDelta(text))
            case ToolCallPiece():
                name, characters = self._arguments.get(delta.index, ("", 0))
                name, characters = name or delta.name, characters + len(delta.arguments)
                self._arguments[delta.index] = (name, characters)
                self.live.emit(ToolCallDelta(index=delta.index, name=name, characters=characters))
            case _:
                return
        if self.live.streaming is not None:
            self.live.streaming.output_tokens = self.output_tokens
        if self._saving is None:
            # A timer and not the next delta: what was shown must be on disk even when the stream falls silent.
            self._saving = asyncio.get_running_loop().call_later(_PROGRESS_SECONDS, self._save_progress)

    def _save_progress(self) -> None:
        self._saving = None
        content, reasoning = self.assembler.content, self.assembler.reasoning
        text_from, reasoning_from = self._saved
        if len(content) > text_from or len(reasoning) > reasoning_from:
            self.live.emit(MessageProgress(content=content[text_from:], reasoning=reasoning[reasoning_from:]))
        self._saved = (len(content), len(reasoning))
