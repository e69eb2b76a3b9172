from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsterm.context.prompt_count import PromptCounter, count_prompt, effort_tokens
from dsterm.context.window import WindowParts
from dsterm.core.messages import AssistantMessage, Message, Pack, ToolCall, ToolMessage, UserMessage
from dsterm.core.models import ModelCard, ThinkingMode
from dsterm.core.provider import ResponseFormat
from dsterm.core.tools import ToolSpec

CARD = ModelCard(id="m", provider="p", title="M", context_window=1_048_576, max_output=393_216)
TOOL = ToolSpec(name="read", description="reads", parameters=msgspec.Raw(b"{}"))
FIRST: tuple[Message, ...] = (Pack(digest="d", source="s", files=3, tokens=100_000), UserMessage(text="u" * 100))
SECOND = (
    *FIRST,
    AssistantMessage(content="c" * 10, reasoning="r" * 40, tool_calls=(ToolCall(id="1", name="read", arguments="{}"),)),
    ToolMessage(call_id="1", content="t" * 50),
)


class Counter:
    """A token a character; says what it was asked."""

    def __init__(self) -> None:
        self.is_exact = True
        self.asked: list[str] = []

    def count(self, text: str) -> int:
        self.asked.append(text)
        return len(text)

    def count_exactly(self, texts: Sequence[str]) -> list[int]:
        return [len(text) for text in texts]


def parts(
    messages: Sequence[Message], mode: ThinkingMode = ThinkingMode.THINK, tools: tuple[ToolSpec, ...] = (TOOL,)
) -> WindowParts:
    return WindowParts(system="s" * 20, tools=tools, messages=tuple(messages), model=CARD, mode=mode, max_output=1000)


def test_the_template_stands_around_system_tools_and_messages() -> None:
    tools = 221 + len('{"name": "read", "description": "reads", "parameters": {}}') + 2 * len("\n\n")
    assert count_prompt(parts(FIRST), Counter()) == 1 + 20 + tools + 1 + 100_000 + 100 + 2
    assert count_prompt(parts(FIRST, tools=()), Counter()) == 1 + 20 + 1 + 100_000 + 100 + 2


def test_think_max_adds_its_text_and_non_think_leaves_reasoning_out() -> None:
    think = count_prompt(parts(SECOND), Counter())
    assert count_prompt(parts(SECOND, ThinkingMode.THINK_MAX), Counter()) == think + 92
    assert count_prompt(parts(SECOND, ThinkingMode.NON_THINK), Counter()) == think - 41


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        ({"reasoning_effort": b'"high"'}, 79),
        ({"reasoning": b'{"effort":"low"}'}, 0),
        ({"reasoning": b'{"enabled":true}'}, 92),
        ({"reasoning_effort": b'"unheard"'}, 92),
    ],
)
def test_the_words_about_effort_are_those_of_what_is_sent(body: dict[str, bytes], tokens: int) -> None:
    bodies = {ThinkingMode.THINK_MAX: {field: msgspec.Raw(value) for field, value in body.items()}}
    card = msgspec.structs.replace(CARD, mode_bodies=bodies)
    assert effort_tokens(card, ThinkingMode.THINK_MAX) == tokens


def test_the_form_of_the_answer_is_part_of_the_prompt() -> None:
    plain = parts(FIRST)
    for shape in (ResponseFormat(), ResponseFormat(schema=msgspec.Raw(b'{"type":"object"}'))):
        asked = msgspec.structs.replace(plain, response_format=shape)
        assert count_prompt(asked, Counter()) > count_prompt(plain, Counter()) + 15


def test_without_tools_the_reasoning_before_the_newest_prompt_is_forgotten() -> None:
    old, new = AssistantMessage(content="a", reasoning="r" * 40), AssistantMessage(content="a", reasoning="r" * 7)
    known = parts([UserMessage(text="u"), old, UserMessage(text="u"), new], tools=())
    forgotten = parts([UserMessage(text="u"), old, UserMessage(text="u"), new, UserMessage(text="u")], tools=())
    assert count_prompt(known, Counter()) == 1 + 20 + 2 + (3 + 1) + 2 + (3 + 1 + 7 + 1) + 2
    assert count_prompt(forgotten, Counter()) == 1 + 20 + 2 + (3 + 1) + 2 + (3 + 1) + 2 + 2


def test_what_was_counted_is_not_counted_again() -> None:
    counter = Counter()
    prompts = PromptCounter(counter)
    said = [UserMessage(text="one"), AssistantMessage(content="two"), UserMessage(text="three")]
    prompts.count(parts(said))
    counter.asked.clear()
    prompts.count(parts(said))
    prompts.count(parts(said, ThinkingMode.NON_THINK), 1)
    assert counter.asked == []
    prompts.count(parts([*said, UserMessage(text="draft")]))
    assert counter.asked == ["three\n\n", "draft"]
    counter.asked.clear()
    prompts.count(parts([*said, UserMessage(text="draft!")]))
    assert counter.asked == ["draft!"]


def test_an_estimate_is_counted_again_once_the_vocabulary_is_there() -> None:
    counter = Counter()
    counter.is_exact = False
    prompts = PromptCounter(counter)
    prompts.count(parts(FIRST))
    counter.asked.clear()
    counter.is_exact = True
    prompts.count(parts(FIRST))
    assert "u" * 100 in counter.asked


messages = st.one_of(
    st.builds(UserMessage, text=st.text(max_size=9)),
    st.builds(Pack, digest=st.just("d"), source=st.just("s"), tokens=st.integers(0, 99)),
    st.builds(ToolMessage, call_id=st.sampled_from("abc"), content=st.text(max_size=9)),
    st.builds(
        AssistantMessage,
        content=st.text(max_size=9),
        reasoning=st.text(max_size=9),
        tool_calls=st.lists(
            st.builds(ToolCall, id=st.sampled_from("abc"), name=st.just("read"), arguments=st.text(max_size=9)),
            max_size=2,
        ).map(tuple),
    ),
)


@given(
    st.lists(messages, max_size=12), st.lists(messages, max_size=6), st.integers(0, 12), st.sampled_from(ThinkingMode)
)
def test_counting_in_steps_comes_to_the_same(
    first: list[Message], more: list[Message], same: int, mode: ThinkingMode
) -> None:
    prompts = PromptCounter(Counter())
    for tools in ((TOOL,), ()):
        for said in (first, [*first, *more], [*first[:same], *more], first[:same]):
            asked = parts(said, mode, tools)
            assert prompts.count(asked) == count_prompt(asked, Counter())
            for front in range(len(said) + 1):
                cut = msgspec.structs.replace(asked, messages=tuple(said[:front]))
                assert prompts.count(asked, front) == count_prompt(cut, Counter())


def test_the_prompts_of_a_long_session_share_what_was_counted() -> None:
    said = [*chain.from_iterable((UserMessage(text=f"{n}"), AssistantMessage(content=f"{n}")) for n in range(2_500))]
    counter = Counter()
    prompts = PromptCounter(counter)
    before = prompts.count(parts(said))
    counter.asked.clear()
    for size in range(1, 200):
        assert prompts.count(parts([*said, UserMessage(text="x" * size)])) == before + 1 + size
    assert len(counter.asked) < 600
