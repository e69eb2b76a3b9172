"""One request beside the conversation: Flash in Non-think, no tools, words of its own. It is booked like any other."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import msgspec

from dsterm.context.forecast import count_prompt
from dsterm.context.window import WindowParts, build_request
from dsterm.core.errors import ContextOverflow, ProviderError, UsageError
from dsterm.core.events import AsideEnded, NoticeLevel, StepEnded, Timings, WorkProgress
from dsterm.core.messages import UserMessage
from dsterm.core.models import ModelCard, ThinkingMode, Usage
from dsterm.core.pricing import cost_of
from dsterm.core.provider import Failure, ReasoningPiece, Request, StopReason, TextPiece
from dsterm.engine.live import LiveSession
from dsterm.llm.assemble import Assembler
from dsterm.llm.retry import wait_before_retry
from dsterm.policy.budget import allowance

_WHY_NO_ANSWER = {
    StopReason.LENGTH: "it did not fit into the tokens that were left for it",
    StopReason.CONTENT_FILTER: "the provider's content filter ended it",
    StopReason.INSUFFICIENT_RESOURCE: "the provider ran out of capacity",
    StopReason.CUT: "the stream ended early",
}


class Aside(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask: `purpose` names it for the user and the ledger, `most_tokens` caps the answer."""

    purpose: str
    system: str
    text: str
    most_tokens: int = 2_048


async def ask_aside(live: LiveSession, aside: Aside) -> str:
    """Send it and wait for the text of the answer; AsideEnded is emitted for every request that was made, also on cancellation.

    UsageError where the budget doesn't cover it, ContextOverflow where it doesn't fit, ProviderError when no answer comes.
    """
    request, prompt_tokens = _request(live, aside)
    tries = 0
    while True:
        attempt = _Attempt(live, aside, request, prompt_tokens)
        await attempt.play()
        failure = attempt.assembler.failure
        if failure is None:
            return attempt.answer()
        wait = None if attempt.tokens else wait_before_retry(failure, tries + 1, live.parts.jitter)
        if wait is None:
            raise ProviderError(f"No {aside.purpose}: {failure.sentence}")
        tries += 1
        live.emit(WorkProgress(f"{failure.message} Trying again in {wait:.1f} s"))
        await asyncio.sleep(wait)


def aside_model(live: LiveSession) -> ModelCard:
    """Flash where the provider has it, else the model that is chosen."""
    cards = live.parts.catalog.models(live.provider.name)
    return next((card for card in cards if card.alias == "flash"), live.model)


def _request(live: LiveSession, aside: Aside) -> tuple[Request, int]:
    """The request, its output capped by what the budget leaves, and the tokens of its prompt by our own count."""
    model = aside_model(live)
    parts = WindowParts(
        system=aside.system,
        tools=(),
        messages=(UserMessage(text=aside.text),),
        model=model,
        mode=ThinkingMode.NON_THINK,
        max_output=aside.most_tokens,
    )
    tokens = count_prompt(parts, live.parts.counter)
    budget = None if live.provider.is_demo else live.parts.config.budget
    allowed = allowance(budget, live.totals.dollars, tokens, model.price)
    if allowed.stop:
        raise UsageError(f"No {aside.purpose}: {allowed.stop}")
    if allowed.warning:
        live.notice(allowed.warning, NoticeLevel.WARNING)
    try:
        request = build_request(parts, tokens, live.load_pack)
    except ContextOverflow as error:
        raise ContextOverflow(
            f"No {aside.purpose}: its {tokens:,} tokens don't fit the window of {model.short_title}. Ask about less at once."
        ) from error
    cap = request.max_tokens if allowed.output_cap is None else min(request.max_tokens, allowed.output_cap)
    return msgspec.structs.replace(request, max_tokens=cap), tokens


class _Attempt:
    """One try at the stream."""

    def __init__(self, live: LiveSession, aside: Aside, request: Request, prompt_tokens: int) -> None:
        self._live = live
        self._aside = aside
        self._request = request
        self._prompt_tokens = prompt_tokens
        self._started = live.parts.clock.monotonic()
        self._first: float | None = None
        self.assembler = Assembler()
        self.tokens = 0

    async def play(self) -> None:
        """Receive it all; one AsideEnded says what it came to, whatever happens."""
        try:
            async with aclosing(self._live.connection().stream(self._request)) as deltas:
                async for delta in deltas:
                    self.assembler.feed(delta)
                    if isinstance(delta, TextPiece | ReasoningPiece) and delta.text:
                        self._count(delta.text)
        except asyncio.CancelledError:
            self._book(StopReason.INTERRUPTED, None)
            raise
        self._book(self.assembler.stop, self.assembler.failure)

    def answer(self) -> str:
        """What came; ProviderError when that is no whole answer."""
        text, stop = self.assembler.content.strip(), self.assembler.stop
        if stop in _WHY_NO_ANSWER or not text:
            why = _WHY_NO_ANSWER.get(stop, "the answer was empty")
            raise ProviderError(f"No {self._aside.purpose}: {why}. Try again, or write it yourself.")
        return text

    def _count(self, text: str) -> None:
        if self._first is None:
            self._first = self._live.parts.clock.monotonic() - self._started
        self.tokens += self._live.parts.counter.count(text)

    def _book(self, stop: StopReason, failure: Failure | None) -> None:
        live, model = self._live, self._request.model
        served = self.assembler.served_by or model.id
        price = live.parts.catalog.priced(model.provider, served)
        usage = self.assembler.usage
        if usage is None and (self.tokens or failure is None):
            usage = Usage(prompt_tokens=self._prompt_tokens, completion_tokens=self.tokens, is_estimate=True)
        total = live.parts.clock.monotonic() - self._started
        ended = StepEnded(
            stop=stop,
            model=served,
            usage=usage,
            cost=None if usage is None else cost_of(usage, price),
            price=price,
            timings=Timings(first_token=self._first, first_answer=self._first, total=total),
            failure=failure,
            is_demo=live.provider.is_demo,
        )
        live.emit(
            AsideEnded(purpose=self._aside.purpose, ended=ended, provider=model.provider, mode=ThinkingMode.NON_THINK)
        )
