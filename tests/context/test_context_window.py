from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsterm.context.valid_history import CANCELLED
from dsterm.context.window import WindowParts, build_request, output_room, repair_history
from dsterm.core.errors import ContextOverflow
from dsterm.core.messages import AssistantMessage, Message, Pack, ToolCall, ToolMessage, UserMessage
from dsterm.core.models import ModelCard, ThinkingMode

CARD = ModelCard(id="m", provider="p", title="Model", context_window=1_048_576, max_output=393_216, alias="pro")


def call(name: str) -> ToolCall:
    return ToolCall(id=name, name="read", arguments="{}")


def asks(*names: str) -> AssistantMessage:
    return AssistantMessage(reasoning="r", tool_calls=tuple(call(name) for name in names))


def answer(name: str, content: str = "done") -> ToolMessage:
    return ToolMessage(call_id=name, content=content)


def parts(messages: tuple[Message, ...] = (), max_output: int = 65_536, card: ModelCard = CARD) -> WindowParts:
    return WindowParts(
        system="s", tools=(), messages=messages, model=card, mode=ThinkingMode.THINK, max_output=max_output
    )


def no_pack(digest: str) -> str:
    raise AssertionError(digest)


USER = UserMessage(text="u")


def test_a_valid_history_is_returned_as_it_is() -> None:
    history = (USER, asks("a", "b"), answer("a"), answer("b"), USER, AssistantMessage(content="x"))
    repaired = repair_history(history)
    assert repaired == history
    assert all(one is other for one, other in zip(repaired, history, strict=True))


def test_an_unanswered_call_gets_an_answer_behind_those_that_ran() -> None:
    assert repair_history((USER, asks("a", "b"), answer("a"), USER)) == (
        USER,
        asks("a", "b"),
        answer("a"),
        answer("b", CANCELLED),
        USER,
    )


def test_answers_come_in_the_order_of_the_calls_even_when_something_stood_between() -> None:
    pack = Pack(digest="d", source="s")
    history = (asks("a", "b"), answer("b", "2"), USER, pack, answer("a", "1"))
    assert repair_history(history) == (asks("a", "b"), answer("a", "1"), answer("b", "2"), USER, pack)


def test_answers_without_a_call_and_second_answers_are_dropped() -> None:
    history = (answer("x"), USER, asks("a"), answer("a", "first"), answer("a", "second"), answer("z"))
    assert repair_history(history) == (USER, asks("a"), answer("a", "first"))


def test_messages_without_content_or_calls_are_dropped() -> None:
    assert repair_history((USER, AssistantMessage(reasoning="only thoughts"), USER)) == (USER, USER)


def test_ids_that_come_again_or_are_empty_become_unique_with_their_answers() -> None:
    history = (
        asks("a", "a", ""),
        answer("a", "1"),
        answer("a", "2"),
        answer("", "3"),
        USER,
        asks("a"),
        answer("a", "4"),
    )
    repaired = repair_history(history)
    ids = [call.id for message in repaired if isinstance(message, AssistantMessage) for call in message.tool_calls]
    assert ids == ["a", "a_2", "call", "a_3"]
    assert [message.content for message in repaired if isinstance(message, ToolMessage)] == ["1", "2", "3", "4"]


ids = st.sampled_from(["", "a", "b", "c", "a_2", "call"])
messages = st.lists(
    st.one_of(
        st.just(USER),
        st.builds(ToolMessage, call_id=ids, content=st.sampled_from(["", "x", "y"])),
        st.just(Pack(digest="d", source="s")),
        st.builds(
            AssistantMessage,
            content=st.sampled_from(["", "said"]),
            tool_calls=st.lists(ids.map(call), max_size=3).map(tuple),
        ),
    ),
    max_size=14,
)


def check(history: tuple[Message, ...]) -> None:
    seen: set[str] = set()
    place = 0
    while place < len(history):
        message = history[place]
        place += 1
        assert not isinstance(message, ToolMessage), "a tool message without a call"
        if isinstance(message, AssistantMessage):
            assert message.content or message.tool_calls
            for each in message.tool_calls:
                assert each.id
                assert each.id not in seen
                seen.add(each.id)
                result = history[place]
                assert isinstance(result, ToolMessage)
                assert result.call_id == each.id
                place += 1


@given(history=messages, start=st.integers(0, 14), end=st.integers(0, 14))
def test_any_cut_of_any_history_becomes_valid_and_stays_so(history: list[Message], start: int, end: int) -> None:
    repaired = repair_history(history[start:end])
    check(repaired)
    assert repair_history(repaired) == repaired


@given(history=messages, more=messages)
def test_what_was_sent_stays_the_beginning_of_what_is_sent_next(history: list[Message], more: list[Message]) -> None:
    sent = repair_history(history)
    later = [message for message in more if not isinstance(message, ToolMessage)]
    assert repair_history([*sent, *later])[: len(sent)] == sent


def test_a_request_carries_the_packs_text_in_its_place() -> None:
    pack = Pack(digest="d" * 64, source="s", tokens=5)
    request = build_request(parts((pack, USER)), 100, {"d" * 64: "the pack"}.__getitem__)
    assert request.messages == (UserMessage(text="the pack"), USER)
    assert (request.system, request.model, request.mode) == ("s", CARD, ThinkingMode.THINK)


def test_a_request_never_carries_an_invalid_history() -> None:
    assert build_request(parts((USER, asks("a"))), 100, no_pack).messages[-1] == answer("a", CANCELLED)


def test_the_output_cap_is_the_least_of_the_users_the_models_and_what_is_left() -> None:
    assert build_request(parts(max_output=1_000), 100, no_pack).max_tokens == 1_000
    assert build_request(parts(max_output=9_000_000), 100, no_pack).max_tokens == 393_216
    assert build_request(parts(), 1_000_000, no_pack).max_tokens == 1_048_576 - 1_000_000 - 30_000 - 512


@given(prompt=st.integers(0, 2_000_000), cap=st.integers(1, 393_216))
def test_prompt_and_answer_always_fit_the_window(prompt: int, cap: int) -> None:
    try:
        request = build_request(parts(max_output=cap), prompt, no_pack)
    except ContextOverflow as error:
        assert f"{prompt:,}" in str(error)
        assert output_room(CARD, prompt) < 1_024
        return
    assert 1 <= request.max_tokens <= cap
    assert prompt * 1.03 + request.max_tokens + 512 <= CARD.context_window


def test_what_does_not_fit_is_refused_with_figures_and_a_way_on() -> None:
    with pytest.raises(ContextOverflow, match=r"1,040,000 tokens.*1,048,576 tokens of Pro.*/detach"):
        build_request(parts(), 1_040_000, no_pack)
