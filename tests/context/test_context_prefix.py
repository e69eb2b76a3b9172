from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dsterm.context.prefix import PrefixChain
from dsterm.core.messages import AssistantMessage, ToolCall, ToolMessage, UserMessage
from dsterm.core.models import ModelCard, ThinkingMode
from dsterm.core.provider import Request, ResponseFormat
from dsterm.core.tools import ToolSpec

TOOL = ToolSpec(name="read", description="Read a file.", parameters=msgspec.Raw(b'{"type":"object"}'))
ASKED = AssistantMessage(reasoning="r", tool_calls=(ToolCall(id="c", name="read", arguments='{"a": 1}'),))
TALK = (UserMessage(text="u"), ASKED, ToolMessage(call_id="c", content="done"))
REQUEST = Request(
    model=ModelCard(id="m", provider="p", title="M", context_window=1000, max_output=100),
    mode=ThinkingMode.THINK,
    system="s",
    tools=(TOOL,),
    messages=TALK,
    max_tokens=10,
)
texts = st.text(max_size=4)
messages = st.lists(
    st.one_of(
        st.builds(UserMessage, text=texts),
        st.builds(ToolMessage, call_id=texts, content=texts),
        st.builds(AssistantMessage, content=texts, reasoning=texts),
    ),
    max_size=8,
).map(tuple)


def difference(before: Request, after: Request) -> str:
    chain = PrefixChain()
    former = chain.digest(before)
    chain.digest(after)
    return chain.difference(former)


@given(before=messages, more=messages)
def test_what_only_adds_messages_continues_and_so_does_the_same_again(before: tuple, more: tuple) -> None:
    first, second = replace(REQUEST, messages=before), replace(REQUEST, messages=before + more)
    assert difference(first, second) == ""
    assert difference(first, first) == ""


@given(before=messages, after=messages)
def test_what_does_not_begin_with_the_messages_before_is_found_out(before: tuple, after: tuple) -> None:
    found = difference(replace(REQUEST, messages=before), replace(REQUEST, messages=after))
    assert (found == "") is (after[: len(before)] == before)


@given(first=messages, second=messages, third=messages)
def test_a_chain_that_went_on_gives_the_digests_of_a_fresh_one(first: tuple, second: tuple, third: tuple) -> None:
    chain = PrefixChain()
    for said in (first, second, third):
        request = replace(REQUEST, messages=said)
        assert chain.digest(request) == PrefixChain().digest(request)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"system": "other"}, "system"),
        ({"tools": ()}, "tools"),
        ({"tools": (replace(TOOL, description="Other."),)}, "tools"),
        ({"tools": (replace(TOOL, parameters=msgspec.Raw(b"{}")),)}, "tools"),
        ({"response_format": ResponseFormat()}, "format"),
        ({"placeholder": "(none)"}, "repair"),
        ({"messages": (UserMessage(text="x"), *TALK[1:])}, "messages"),
        ({"messages": TALK[:2]}, "messages"),
        ({"messages": (TALK[0], replace(ASKED, reasoning=""), TALK[2])}, "messages"),
        ({"messages": (TALK[0], replace(ASKED, is_cut=True, model="other"), TALK[2])}, ""),
        ({"max_tokens": 5, "mode": ThinkingMode.NON_THINK}, ""),
    ],
)
def test_a_difference_is_named_by_the_first_part_that_differs_on_the_wire(change: dict, name: str) -> None:
    assert difference(REQUEST, replace(REQUEST, **change)) == name


def test_two_formats_differ() -> None:
    one, other = ResponseFormat(), ResponseFormat(schema=msgspec.Raw(b"{}"))
    assert difference(replace(REQUEST, response_format=one), replace(REQUEST, response_format=other)) == "format"


def test_text_moved_from_one_field_to_the_next_is_another_message() -> None:
    one, other = AssistantMessage(content="ab", reasoning="c"), AssistantMessage(content="a", reasoning="bc")
    assert difference(replace(REQUEST, messages=(one,)), replace(REQUEST, messages=(other,))) == "messages"


def test_half_surrogates_have_a_digest() -> None:
    assert difference(replace(REQUEST, messages=(UserMessage(text="\ud800"),)), REQUEST) == "messages"
