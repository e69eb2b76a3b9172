from __future__ import annotations

from dsterm.core.models import ThinkingMode, Usage
from dsterm.core.provider import (
    Alive,
    Ended,
    LeakedMarkup,
    ReasoningPiece,
    ServedBy,
    StopReason,
    TextPiece,
    ToolCallPiece,
    UsagePiece,
    WasReasoning,
)
from dsterm.llm.assemble import Assembler


def assembled(*deltas, taken=()) -> Assembler:
    assembler = Assembler(taken)
    for delta in deltas:
        assembler.feed(delta)
    return assembler


def call(index=0, call_id="", name="", arguments=""):
    return ToolCallPiece(index=index, id=call_id, name=name, arguments=arguments)


def calls(*pieces, taken=()):
    return [(c.id, c.name, c.arguments) for c in assembled(*pieces, taken=taken).tool_calls]


def test_text_and_reasoning_grow_and_can_be_read_in_between():
    assembler = assembled(ReasoningPiece("a"), ReasoningPiece("b"), TextPiece("c"))
    assert (assembler.reasoning, assembler.content) == ("ab", "c")
    assembler.feed(TextPiece("d"))
    assert assembler.content == "cd"


def test_the_last_usage_holds():
    first, last = Usage(prompt_tokens=1), Usage(prompt_tokens=2)
    assert assembled(UsagePiece(usage=first), UsagePiece(usage=last), Alive()).usage == last


def test_a_stream_that_never_ended_is_cut():
    assert assembled(TextPiece("a")).stop is StopReason.CUT
    assert assembled(TextPiece("a"), Ended(stop=StopReason.STOP)).stop is StopReason.STOP


def test_fragments_are_put_together_by_index():
    assert calls(call(0, "a", "x", "{"), call(1, "b", "y", "["), call(0, arguments="}"), call(1, arguments="]")) == [
        ("a", "x", "{}"),
        ("b", "y", "[]"),
    ]


def test_an_id_may_come_late():
    assert calls(call(name="x"), call(arguments="{}"), call(call_id="a")) == [("a", "x", "{}")]


def test_an_id_that_is_repeated_with_each_fragment_is_one_call():
    assert calls(call(0, "a", "x", "{"), call(0, "a", "x", "}")) == [("a", "x", "{}")]


def test_a_new_id_at_the_same_index_is_a_new_call():
    assert calls(call(0, "a", "x", "{}"), call(0, "b", "x", "{}")) == [("a", "x", "{}"), ("b", "x", "{}")]


def test_a_new_name_at_the_same_index_is_a_new_call_without_ids():
    assert calls(call(0, "", "x", "{}"), call(0, "", "y", "{}")) == [("call_1", "x", "{}"), ("call_2", "y", "{}")]


def test_missing_ids_are_made_up_beside_those_in_use():
    assert [c[0] for c in calls(call(0), call(1, "call_2"), call(2), taken={"call_1"})] == [
        "call_3",
        "call_2",
        "call_4",
    ]


def test_ids_used_twice_are_made_unique():
    assert [c[0] for c in calls(call(0, "a"), call(1, "a"), call(2, "b"), taken={"b"})] == ["a", "call_1", "call_2"]


def test_a_cut_message_keeps_its_words_and_drops_its_calls():
    message = assembled(TextPiece("t"), call(0, "a", "x", '{"pa'), ServedBy("s")).message(
        "m", ThinkingMode.THINK_MAX, True
    )
    assert (message.content, message.tool_calls, message.is_cut, message.mode) == (
        "t",
        (),
        True,
        ThinkingMode.THINK_MAX,
    )


def test_a_name_in_pieces_or_sent_again_is_one_name():
    assert calls(call(0, "a", "re"), call(0, "", "ad"), call(0, arguments="{}")) == [("a", "read", "{}")]
    assert calls(call(0, "a", "re"), call(0, "a", "read"), call(0, "a", "read", "{}")) == [("a", "read", "{}")]


def test_calls_at_one_index_are_found_again_by_their_id():
    assert calls(
        call(0, "a", "x", "{"), call(0, "b", "y", "["), call(0, "a", arguments="}"), call(0, "b", arguments="]")
    ) == [
        ("a", "x", "{}"),
        ("b", "y", "[]"),
    ]


def test_what_was_reasoning_moves_there():
    assembler = assembled(ReasoningPiece("a"), TextPiece("b"), WasReasoning(), TextPiece("c"))
    assert (assembler.reasoning, assembler.content) == ("ab", "c")


def test_leaks_and_the_id_of_the_answer_are_remembered():
    leak = LeakedMarkup(text="x", recovered=False)
    assembler = assembled(ServedBy("m", "r1"), leak, ServedBy("n"))
    assert (assembler.leaked, assembler.served_by, assembler.response_id) == ((leak,), "n", "r1")
