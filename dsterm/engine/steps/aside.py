"""One request beside the conversation: Flash in Non-think, no tools, words of its own, or as it was prepared. It is booked."""

from __future__ import annotations

import asyncio

import msgspec
from msgspec.structs import replace

from dsterm.context.prompt_count import count_prompt
from dsterm.context.window import WindowParts, build_request
from dsterm.core.delta_events import WorkProgress
from dsterm.core.errors import ContextOverflow, ProviderError, UsageError
from dsterm.core.events import AsideEnded, NoticeLevel, StepEnded
from dsterm.core.messages import UserMessage
from dsterm.core.models import Forecast, ModelCard, ThinkingMode
from dsterm.core.pricing import prompt_cost
from dsterm.core.provider import Provider, Request, StopReason
from dsterm.engine.live import LiveSession
from dsterm.engine.steps.affordable import affordable
from dsterm.engine.steps.attempt import Attempt
from dsterm.engine.steps.booking import bill
from dsterm.engine.steps.tries import Tries
from dsterm.policy.budget import allowance

WAY_ON = "Try again, or write it yourself."
"""What to do where no answer came."""

_WHY_NO_ANSWER = {
    StopReason.LENGTH: "it did not fit into the tokens that were left for it",
    StopReason.CONTENT_FILTER: "the provider's content filter ended it",
    StopReason.LOOPED: "the model reasoned in circles",
}


class NoAnswer(ProviderError):
    """The request was answered, but not with what can be used."""


class Aside(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask: `purpose` names it for the user and the ledger, `most_tokens` caps the answer."""

    purpose: str
    system: str
    text: str
    most_tokens: int = 2_048


async def ask_aside(live: LiveSession, aside: Aside) -> str:
    """Send it and wait for the text of the answer; AsideEnded is emitted for every request that was made, also on cancellation.

    UsageError where the budget doesn't cover it, ContextOverflow where it doesn't fit, ProviderError when no answer comes, which
    is a NoAnswer where something else came.
    """
    return await answer_beside(live, aside.purpose, *_request(live, aside))


async def answer_beside(
    live: LiveSession, purpose: str, request: Request, forecast: Forecast, way_on: str = WAY_ON
) -> str:
    """The text of the answer to `request`, of which nothing is shown and no tool is run; otherwise as `ask_aside`."""
    connection = live.connection()
    tries = Tries(live.parts.jitter)
    while True:
        attempt = Attempt(live, request, forecast)
        await _receive(live, purpose, attempt, connection)
        failure = attempt.failure
        if failure is None:
            return _answer(purpose, attempt, way_on)
        wait, again = tries.wait_after(attempt, failure), affordable(attempt, failure, is_booked=True)
        if wait is None or again is None:
            raise ProviderError(f"No {purpose}: {tries.counted(failure).sentence}")
        request = again
        live.emit(WorkProgress(f"{failure.message} Trying again in {wait:.1f} s"))
        await asyncio.sleep(wait)


def aside_model(live: LiveSession) -> ModelCard:
    """Flash where the provider has it, else the model that is chosen."""
    cards = live.parts.catalog.models(live.provider.name)
    return next((card for card in cards if card.alias == "flash"), live.model)


def _request(live: LiveSession, aside: Aside) -> tuple[Request, Forecast]:
    """The request, its output capped by what the budget leaves, and its prompt by our own count, of which nothing is cached."""
    model = live.card(aside_model(live))
    parts = WindowParts(
        system=aside.system,
        tools=(),
        messages=(UserMessage(text=aside.text),),
        model=model,
        mode=ThinkingMode.NON_THINK,
        max_output=aside.most_tokens,
    )
    tokens = count_prompt(parts, live.parts.counter)
    request = allowed_request(live, aside.purpose, parts, tokens)
    dollars = prompt_cost(tokens, 0, model.price)
    return request, Forecast(prompt_tokens=tokens, cached_tokens=0, dollars=dollars)


def allowed_request(live: LiveSession, purpose: str, parts: WindowParts, tokens: int) -> Request:
    """The request of `parts`, a prompt of `tokens`, its output capped by what the budget leaves.

    UsageError where that doesn't cover it, ContextOverflow where it doesn't fit.
    """
    model = parts.model
    budget = None if live.provider.is_demo else live.parts.config.budget
    allowed = allowance(budget, live.totals.dollars, tokens, model.price)
    if allowed.stop:
        raise UsageError(f"No {purpose}: {allowed.stop}")
    if allowed.warning:
        live.notice(allowed.warning, NoticeLevel.WARNING)
    try:
        request = build_request(parts, tokens, live.load_pack)
    except ContextOverflow as error:
        raise ContextOverflow(
            f"No {purpose}: its {tokens:,} tokens don't fit the window of {model.short_title}. Ask about less at once."
        ) from error
    cap = request.max_tokens if allowed.output_cap is None else min(request.max_tokens, allowed.output_cap)
    return replace(request, max_tokens=cap)


async def _receive(live: LiveSession, purpose: str, attempt: Attempt, connection: Provider) -> None:
    """Receive it all; one AsideEnded says what it came to, whatever happens."""
    try:
        await attempt.receive(connection)
    except asyncio.CancelledError:
        _book(live, purpose, attempt, bill(attempt, StopReason.INTERRUPTED, None))
        raise
    _book(live, purpose, attempt, bill(attempt, attempt.stop, attempt.failure))


def _book(live: LiveSession, purpose: str, attempt: Attempt, ended: StepEnded) -> None:
    mode, provider = attempt.request.mode, attempt.provider.name
    live.emit(AsideEnded(purpose=purpose, ended=ended, provider=provider, mode=mode))


def _answer(purpose: str, attempt: Attempt, way_on: str) -> str:
    """What came; ProviderError when that is no whole answer."""
    text, stop = attempt.assembler.content.strip(), attempt.stop
    if stop in _WHY_NO_ANSWER or not text:
        why = _WHY_NO_ANSWER.get(stop, "the answer was empty")
        raise NoAnswer(f"No {purpose}: {why}. {way_on}")
    return text
