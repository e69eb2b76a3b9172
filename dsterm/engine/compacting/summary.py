"""Have the summary written, the cheaper of two ways: by the model that has the conversation in its cache, or by Flash anew.

The first continues the conversation as it stands, tools and all, so that the provider's cache has nearly all of it; calls in the
answer are not run. The second sends what is to be replaced as text, long results cut.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec
from msgspec.structs import replace

from dsterm.context.compaction_text import SYSTEM, question, question_beside
from dsterm.context.prompt_count import count_prompt
from dsterm.context.window import WindowParts, output_room
from dsterm.core.errors import ContextOverflow
from dsterm.core.messages import UserMessage
from dsterm.core.models import Forecast, ModelCard, ThinkingMode
from dsterm.core.pricing import prompt_cost
from dsterm.engine.compacting.plan import SUMMARY_TOKENS, CompactionPlan
from dsterm.engine.live import LiveSession
from dsterm.engine.steps.aside import NoAnswer, allowed_request, answer_beside, aside_model
from dsterm.engine.steps.requests import forecast_next, window_parts
from dsterm.render.wording import format_money

PURPOSE = "summary"
LEAST_CHARACTERS = 80
"""A shorter summary says nothing."""

_WAY_ON = "Nothing was changed; try again, or another model."
_MOST_OUTPUT = 4_096
_THOUGHTS = {ThinkingMode.NON_THINK: 0, ThinkingMode.THINK: 800, ThinkingMode.THINK_MAX: 4_000}
_ROOM_TO_THINK = {ThinkingMode.NON_THINK: 0, ThinkingMode.THINK: 16_384, ThinkingMode.THINK_MAX: 32_768}
_CUTS = (4_000, 1_000, 250, 60)
"""Characters of an entry, the first that fits."""

_FIRST_WORDS = 60
_MILLION = Decimal(1_000_000)


class Way(msgspec.Struct, frozen=True):
    """A way to the summary: what is sent, what that comes to with an answer of the usual length (None: unknown), and whether it
    continues the conversation.
    """

    parts: WindowParts
    forecast: Forecast
    dollars: Decimal | None
    goes_on: bool


def ways(live: LiveSession, plan: CompactionPlan, focus: str) -> list[Way]:
    """The ways there are, the cheaper first; ContextOverflow where neither fits the window."""
    found = [way for way in (_going_on(live, plan, focus), _beside(live, plan, focus)) if way is not None]
    if not found:
        raise ContextOverflow("What is to be summed up is itself too long for the model. Begin anew with /new.")
    # Where a price is unknown, fewer tokens read anew are the better guess.
    return sorted(
        found,
        key=lambda way: (
            way.dollars is None,
            way.dollars or 0,
            way.forecast.prompt_tokens - way.forecast.cached_tokens,
        ),
    )


async def write_summary(live: LiveSession, found: list[Way]) -> str:
    """The summary; where the first way brings none that can be used, the other is tried once.

    ProviderError, UsageError where the budget doesn't cover it; every request is booked, also on cancellation.
    """
    first, *others = found
    try:
        return await _written(live, first)
    except NoAnswer as error:
        if not others:
            raise
        live.notice(f"{error} It is asked for once more in another way, for {_money(others[0].dollars)}.")
        return await _written(live, others[0])


async def _written(live: LiveSession, way: Way) -> str:
    request = allowed_request(live, PURPOSE, way.parts, way.forecast.prompt_tokens)
    if way.goes_on:
        request = replace(request, placeholder=live.learned.placeholder(request.model.provider))
    text = await answer_beside(live, PURPOSE, request, way.forecast, _WAY_ON)
    if len(text) < LEAST_CHARACTERS:
        raise NoAnswer(f"No {PURPOSE}: the answer was too short to be one. {_WAY_ON}")
    return live.parts.redact(text) if live.parts.config.mask_secrets else text


def _going_on(live: LiveSession, plan: CompactionPlan, focus: str) -> Way | None:
    """Ask the model that has the conversation; None where that doesn't fit, or an answer in another form is asked for."""
    if live.answer_format is not None:
        return None
    model, mode = live.card(live.model), live.sending_mode
    asked = UserMessage(text=question(focus, _first_words(plan)))
    room = _MOST_OUTPUT + _ROOM_TO_THINK[mode]
    parts = window_parts(live, model, mode)
    parts = replace(parts, messages=(*parts.messages, asked), max_output=min(parts.max_output, room))
    now = forecast_next(live)
    tokens = now.prompt_tokens + live.parts.counter.count(asked.text)
    if output_room(model, tokens) < min(parts.max_output, _MOST_OUTPUT + _THOUGHTS[mode]):
        return None
    dollars = prompt_cost(tokens, now.cached_tokens, model.price)
    forecast = Forecast(prompt_tokens=tokens, cached_tokens=now.cached_tokens, dollars=dollars)
    return Way(parts, forecast, _with_answer(dollars, SUMMARY_TOKENS + _THOUGHTS[mode], model), goes_on=True)


def _beside(live: LiveSession, plan: CompactionPlan, focus: str) -> Way | None:
    """Ask Flash, which has not seen it; None where what is to be replaced doesn't fit however much is cut."""
    model = live.card(aside_model(live))
    for most in _CUTS:
        text = question_beside(plan.replaced, focus, most)
        parts = WindowParts(
            system=SYSTEM,
            tools=(),
            messages=(UserMessage(text=text),),
            model=model,
            mode=ThinkingMode.NON_THINK,
            max_output=min(live.parts.config.max_output, _MOST_OUTPUT),
        )
        tokens = count_prompt(parts, live.parts.counter)
        if output_room(model, tokens) >= min(parts.max_output, SUMMARY_TOKENS):
            dollars = prompt_cost(tokens, 0, model.price)
            forecast = Forecast(prompt_tokens=tokens, cached_tokens=0, dollars=dollars)
            return Way(parts, forecast, _with_answer(dollars, SUMMARY_TOKENS, model), goes_on=False)
    return None


def _with_answer(prompt: Decimal | None, output: int, model: ModelCard) -> Decimal | None:
    if prompt is None or model.price is None:
        return None
    return prompt + output * model.price.output / _MILLION


def _first_words(plan: CompactionPlan) -> str:
    """How what stays begins, so that the model knows up to where it sums up; empty where that is no word of a user."""
    first = plan.late[0] if plan.late else None
    words = " ".join(first.text.split()) if isinstance(first, UserMessage) else ""
    return f"{words[:_FIRST_WORDS]}…" if len(words) > _FIRST_WORDS else words


def _money(dollars: Decimal | None) -> str:
    return format_money(dollars, is_estimate=True) if dollars is not None else "an unknown price"
