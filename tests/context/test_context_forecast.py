from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from dsterm.context.forecast import (
    CACHE_AGE,
    Kept,
    LastRequest,
    estimate_prompt,
    forecast_request,
    sent_again,
)
from dsterm.context.prompt_count import count_prompt
from dsterm.context.window import WindowParts
from dsterm.core.messages import AssistantMessage, Message, Pack, ToolCall, ToolMessage, UserMessage
from dsterm.core.models import ModelCard, PrefixLoss, Price, ThinkingMode, Usage
from dsterm.core.tools import ToolSpec

PRICE = Price(
    input=Decimal("1.60"),
    output=Decimal("3.20"),
    cache_read=Decimal("0.135"),
    since=date(2026, 11, 1),
    source="the provider",
)
CARD = ModelCard(id="m", provider="p", title="M", context_window=1_048_576, max_output=393_216, price=PRICE)
TOOL = ToolSpec(name="read", description="reads", parameters=msgspec.Raw(b"{}"))
PACK = Pack(digest="d", source="s", files=3, tokens=100_000)


class Counter:
    is_exact = True

    def count(self, text: str) -> int:
        return len(text)

    def count_exactly(self, texts: Sequence[str]) -> list[int]:
        return [len(text) for text in texts]


COUNTER = Counter()
FIRST: tuple[Message, ...] = (PACK, UserMessage(text="u" * 100))
ANSWER = AssistantMessage(
    content="c" * 10, reasoning="r" * 40, tool_calls=(ToolCall(id="1", name="read", arguments="{}"),)
)
SECOND = (*FIRST, ANSWER, ToolMessage(call_id="1", content="t" * 50))
USAGE = Usage(prompt_tokens=100_500, completion_tokens=60)
LAST = LastRequest(messages=2, mode=ThinkingMode.THINK, usage=USAGE)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def kept(tokens: int, messages: int = 2) -> Kept:
    return Kept(messages=messages, tokens=tokens, digest="", at=NOON)


def parts(
    messages: tuple[Message, ...], mode: ThinkingMode = ThinkingMode.THINK, tools: tuple[ToolSpec, ...] = (TOOL,)
) -> WindowParts:
    return WindowParts(system="s" * 20, tools=tools, messages=messages, model=CARD, mode=mode, max_output=1000)


def test_after_a_request_only_what_is_new_is_estimated() -> None:
    new = count_prompt(parts(SECOND), COUNTER) - count_prompt(parts(FIRST), COUNTER)
    assert estimate_prompt(parts(SECOND), COUNTER, LAST) == 100_500 + new


def test_an_estimated_usage_or_another_rendering_is_not_built_upon() -> None:
    own = count_prompt(parts(SECOND), COUNTER)
    guess = msgspec.structs.replace(LAST, usage=msgspec.structs.replace(USAGE, is_estimate=True))
    assert estimate_prompt(parts(SECOND), COUNTER, guess) == own
    fast = msgspec.structs.replace(LAST, mode=ThinkingMode.NON_THINK)
    assert estimate_prompt(parts(SECOND), COUNTER, fast) == own


def test_a_first_request_hits_nothing_and_is_priced_in_full() -> None:
    forecast = forecast_request(parts(FIRST), COUNTER)
    assert forecast.cached_tokens == 0
    assert forecast.dollars == forecast.prompt_tokens * Decimal("1.60") / 1_000_000


def test_the_next_request_hits_the_last_prompt_and_its_answer_in_whole_units() -> None:
    forecast = forecast_request(parts(SECOND), COUNTER, LAST, [(kept(USAGE.total_tokens), PrefixLoss.NOTHING)])
    assert forecast.cached_tokens == 100_560 // 64 * 64
    missed = forecast.prompt_tokens - forecast.cached_tokens
    assert forecast.dollars == (forecast.cached_tokens * Decimal("0.135") + missed * Decimal("1.60")) / Decimal(
        1_000_000
    )


def test_another_model_hits_nothing() -> None:
    forecast = forecast_request(parts(SECOND), COUNTER, LAST, [(kept(100_560), PrefixLoss.EVERYTHING)])
    assert forecast.cached_tokens == 0


def test_turning_thinking_off_keeps_what_stands_before_the_first_answer() -> None:
    turned = parts((*SECOND, UserMessage(text="more")), ThinkingMode.NON_THINK)
    forecast = forecast_request(turned, COUNTER, LAST, [(kept(100_560, messages=4), PrefixLoss.FROM_FIRST_ANSWER)])
    assert forecast.cached_tokens == count_prompt(parts(FIRST, ThinkingMode.NON_THINK), COUNTER) // 64 * 64


def test_of_another_conversation_only_what_stands_ahead_of_all_messages_is_there() -> None:
    elsewhere = kept(100_560).cut(0)
    assert (elsewhere.messages, elsewhere.tokens) == (0, None)
    forecast = forecast_request(parts(FIRST), COUNTER, None, [(elsewhere, PrefixLoss.NOTHING)])
    assert forecast.cached_tokens == count_prompt(parts(()), COUNTER) // 64 * 64
    assert kept(100_560).cut(2) == kept(100_560)


def test_what_is_too_old_is_taken_to_be_gone() -> None:
    one = kept(1_000)
    assert one.is_there(NOON + CACHE_AGE - timedelta(seconds=1))
    assert not one.is_there(NOON + CACHE_AGE)


LOSSES = st.sampled_from(PrefixLoss)
ALL_KEPT = st.lists(
    st.tuples(st.builds(kept, st.integers(0, 300_000), st.integers(0, 4)), LOSSES),
    max_size=5,
)


@given(ALL_KEPT)
def test_hits_are_whole_units_of_what_is_there_and_never_more_than_the_prompt(found) -> None:
    forecast = forecast_request(parts(SECOND), COUNTER, LAST, found)
    assert forecast.cached_tokens % 64 == 0
    assert 0 <= forecast.cached_tokens <= forecast.prompt_tokens == estimate_prompt(parts(SECOND), COUNTER, LAST)
    most = max((one.tokens for one, loss in found if loss is PrefixLoss.NOTHING), default=0)
    assert forecast.cached_tokens >= min(most, forecast.prompt_tokens) // 64 * 64
    if all(loss is PrefixLoss.EVERYTHING for _, loss in found):
        assert forecast.cached_tokens == 0


@given(ALL_KEPT, ALL_KEPT)
def test_to_have_been_elsewhere_too_never_costs_hits(found, more) -> None:
    both = forecast_request(parts(SECOND), COUNTER, LAST, [*found, *more])
    assert both.cached_tokens >= forecast_request(parts(SECOND), COUNTER, LAST, found).cached_tokens
    assert both.dollars <= forecast_request(parts(SECOND), COUNTER, LAST, more).dollars


@given(ALL_KEPT)
def test_what_is_sent_again_is_there_but_for_the_last_unit(found) -> None:
    before = forecast_request(parts(SECOND), COUNTER, LAST, found)
    after = sent_again(before, CARD)
    assert (after.prompt_tokens, after.cached_tokens) == (before.prompt_tokens, before.prompt_tokens // 64 * 64)
    assert after.dollars <= before.dollars


def test_an_unknown_price_is_unknown() -> None:
    free = msgspec.structs.replace(parts(FIRST), model=msgspec.structs.replace(CARD, price=None))
    assert forecast_request(free, COUNTER).dollars is None
