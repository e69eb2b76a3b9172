from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from dsterm.context.forecast_rows import prompt_rows
from dsterm.context.prompt_count import count_prompt
from dsterm.context.window import WindowParts
from dsterm.core.messages import AssistantMessage, Message, Pack, ToolCall, ToolMessage, UserMessage
from dsterm.core.models import ModelCard, Price, ThinkingMode
from dsterm.core.tools import ToolSpec

PRICE = Price(input=Decimal(1), output=Decimal(2), cache_read=Decimal("0.1"), since=date(2026, 11, 1), source="s")
CARD = ModelCard(id="m", provider="p", title="M", context_window=1_048_576, max_output=9_999, price=PRICE)
TOOL = ToolSpec(name="read", description="reads", parameters=msgspec.Raw(b"{}"))
CONVERSATION: tuple[Message, ...] = (
    Pack(digest="d", source="flask", files=3, tokens=48_000),
    UserMessage(text="why does it fail? " * 9),
    AssistantMessage(
        content="I look.", reasoning="hm " * 90, tool_calls=(ToolCall(id="1", name="read", arguments="{}"),)
    ),
    ToolMessage(call_id="1", content="text " * 400),
    AssistantMessage(content="It is the clock."),
    UserMessage(text="and now?"),
)


class Counter:
    is_exact = True

    def count(self, text: str) -> int:
        return -(-len(text) // 4)

    def count_exactly(self, texts: Sequence[str]) -> list[int]:
        return [self.count(text) for text in texts]


def parts(messages: tuple[Message, ...], mode: ThinkingMode = ThinkingMode.THINK) -> WindowParts:
    return WindowParts(system="s" * 900, tools=(TOOL,), messages=messages, model=CARD, mode=mode, max_output=1_000)


def test_every_part_of_the_prompt_has_a_row() -> None:
    rows = prompt_rows(parts(CONVERSATION), Counter(), cached=0)
    assert {row.name: row.number for row in rows} == {
        "system text": 0,
        "tools": 1,
        "messages": 4,
        "flask": 3,
        "tool results": 1,
    }
    assert next(row.tokens for row in rows if row.name == "flask") == 48_000


@given(st.integers(0, len(CONVERSATION)), st.sampled_from(ThinkingMode), st.integers(0, 60_000))
def test_rows_come_to_the_whole_prompt_and_hits_to_what_is_cached(size: int, mode: ThinkingMode, cached: int) -> None:
    whole = parts(CONVERSATION[:size], mode)
    rows = prompt_rows(whole, Counter(), cached)
    total = sum(row.tokens for row in rows)
    assert abs(total - count_prompt(whole, Counter())) <= 4
    assert sum(row.cached for row in rows) == min(cached, total)
    assert all(0 <= row.cached <= row.tokens for row in rows)


def test_hits_go_to_what_stands_first() -> None:
    rows = {row.name: row for row in prompt_rows(parts(CONVERSATION), Counter(), cached=20_000)}
    assert rows["system text"].new == rows["tools"].new == 0
    assert 0 < rows["flask"].cached < 48_000
    assert rows["tool results"].cached == 0
