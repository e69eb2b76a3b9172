from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsterm.core.models import ProviderCard, Usage
from dsterm.core.provider import (
    Alive,
    FailureKind,
    ReasoningPiece,
    ServedBy,
    StopReason,
    TextPiece,
    ToolCallPiece,
    UsagePiece,
)
from dsterm.llm.chunks import ChunkReader
from dsterm.llm.failures import Origin

ORIGIN = Origin(card=ProviderCard(name="p", title="P", base_url="https://p.example/v1"))
FIELDS = ("reasoning_content", "reasoning", "reasoning_details")


def reader() -> ChunkReader:
    return ChunkReader(ORIGIN, FIELDS)


def read(chunk: object):
    return reader().read(json.dumps(chunk).encode())


def delta(**fields: object) -> dict[str, object]:
    return {"choices": [{"delta": fields}]}


@pytest.mark.parametrize(
    ("chunk", "expected"),
    [
        ({}, [Alive()]),
        ({"choices": None, "usage": None, "model": None}, [Alive()]),
        ({"choices": []}, [Alive()]),
        ({"choices": [{"delta": None, "finish_reason": None}]}, [Alive()]),
        (delta(role="assistant", content=None, reasoning_content=""), [Alive()]),
        (delta(content="a"), [TextPiece("a")]),
        (delta(reasoning_content="a", reasoning="a"), [ReasoningPiece("a")]),
        (delta(reasoning="a", reasoning_details=[{"text": "a"}]), [ReasoningPiece("a")]),
        (delta(reasoning_details=[{"type": "x", "text": "a"}, {"summary": "b"}]), [ReasoningPiece("ab")]),
        (delta(reasoning_content="r", content="c"), [ReasoningPiece("r"), TextPiece("c")]),
        (delta(tool_calls=[{"function": None}, {"id": "i"}]), [ToolCallPiece(index=0), ToolCallPiece(index=1, id="i")]),
        (
            delta(tool_calls=[{"index": 3, "id": None, "function": {"name": "n", "arguments": {"a": 1}}}]),
            [ToolCallPiece(index=3, name="n", arguments='{"a":1}')],
        ),
        ({"model": "m", "choices": []}, [ServedBy("m")]),
        ({"choices": [], "usage": {"prompt_tokens": None}}, [Alive()]),
        ({"choices": [], "usage": {"prompt_tokens": "many"}}, [Alive()]),
    ],
)
def test_whatever_is_missing_or_null_a_chunk_is_read(chunk, expected):
    assert read(chunk) == expected


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 48,
                "prompt_cache_hit_tokens": 64,
                "prompt_tokens_details": {"cached_tokens": 1},
            },
            Usage(prompt_tokens=100, completion_tokens=48, cached_tokens=64),
        ),
        (
            {"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 64}, "completion_tokens_details": None},
            Usage(prompt_tokens=10, cached_tokens=10),
        ),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 7,
                "completion_tokens_details": {"reasoning_tokens": 6},
                "cost": 0.1,
            },
            Usage(prompt_tokens=5, completion_tokens=7, reasoning_tokens=6, is_cache_known=False),
        ),
        ({"prompt_tokens": 5, "completion_tokens": -7, "prompt_cache_hit_tokens": -1}, Usage(prompt_tokens=5)),
    ],
)
def test_usage_is_read_in_every_spelling(usage, expected):
    assert read({"choices": [], "usage": usage}) == [UsagePiece(usage=expected)]


@pytest.mark.parametrize(
    ("finish", "stop"),
    [
        ("stop", StopReason.STOP),
        ("length", StopReason.LENGTH),
        ("tool_calls", StopReason.TOOL_CALLS),
        ("content_filter", StopReason.CONTENT_FILTER),
        ("insufficient_system_resource", StopReason.INSUFFICIENT_RESOURCE),
        ("error", StopReason.FAILED),
        ("weird\x1b[31m", StopReason.FAILED),
        (None, StopReason.CUT),
        ("", StopReason.CUT),
    ],
)
def test_each_finish_reason_has_its_stop(finish, stop):
    chunks = reader()
    chunks.read(json.dumps({"choices": [{"delta": {}, "finish_reason": finish}]}).encode())
    chunks.read(b"[DONE]")
    ended = chunks.end()
    assert chunks.is_over
    assert ended.stop is stop
    assert "\x1b" not in ended.raw


def test_stop_after_tool_calls_means_tool_calls():
    chunks = reader()
    chunks.read(json.dumps(delta(tool_calls=[{"id": "i"}])).encode())
    chunks.read(b'{"choices":[{"delta":{},"finish_reason":"stop"}]}')
    assert chunks.end().stop is StopReason.TOOL_CALLS


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"error": {"message": "x", "code": 429}}, FailureKind.RATE_LIMIT),
        ({"error": {"message": "x", "code": "429"}, "choices": []}, FailureKind.RATE_LIMIT),
        ({"error": {"message": "x", "type": "rate_limit_error", "code": None}}, FailureKind.RATE_LIMIT),
        ({"error": {"message": "x", "code": "overloaded_error"}}, FailureKind.SERVER),
        ({"error": {"message": "x", "type": "server_error"}}, FailureKind.SERVER),
        ({"error": {"message": "x", "code": "insufficient_quota"}}, FailureKind.BALANCE),
        ({"error": {"message": "x", "code": "invalid_request_error"}}, FailureKind.BAD_REQUEST),
        ({"error": {"message": "prompt is too long", "code": 400}}, FailureKind.CONTEXT_OVERFLOW),
        ({"error": "just words"}, FailureKind.SERVER),
        ({"object": "error", "message": "x", "code": 400}, FailureKind.BAD_REQUEST),
        ({"error": {"message": "x", "code": 10**400}}, FailureKind.SERVER),
    ],
)
def test_an_error_object_ends_the_stream_with_its_kind(event, kind):
    chunks = reader()
    assert chunks.read(json.dumps(event).encode()) == []
    assert chunks.is_over
    assert chunks.end().failure.kind is kind


@pytest.mark.parametrize("empty", [None, {}, "", False])
def test_an_empty_error_is_none(empty):
    assert read({"error": empty, **delta(content="a")}) == [TextPiece("a")]


def test_broken_utf8_is_read_with_replacement_characters():
    assert reader().read(b'{"choices":[{"delta":{"content":"a\xff"}}]}') == [TextPiece("a\ufffd")]


def test_an_answer_above_the_cap_is_given_up():
    for event in (delta(content="x" * 60), delta(reasoning="x" * 60), delta(tool_calls=[{"index": 1}])):
        chunks = ChunkReader(ORIGIN, FIELDS, cap=100)
        chunks.read(json.dumps(event).encode())
        assert not chunks.is_over
        chunks.read(json.dumps(event).encode())
        assert chunks.end().failure.kind is FailureKind.PROTOCOL
        assert chunks.is_over


def test_of_several_choices_one_is_read():
    chunks = reader()
    choices = [{"index": 0, "delta": {"content": "a"}}, {"index": 1, "delta": {"content": "b"}}]
    assert chunks.read(json.dumps({"choices": choices}).encode()) == [TextPiece("a")]
    assert chunks.read(json.dumps({"choices": choices[1:]}).encode()) == [Alive()]


def test_an_index_may_be_text():
    assert read(delta(tool_calls=[{"index": "2", "id": "i"}])) == [ToolCallPiece(index=2, id="i")]


def test_content_may_be_a_list_of_parts():
    assert read(delta(content=[{"type": "text", "text": "a"}, {"text": "b"}])) == [TextPiece("ab")]


@settings(deadline=None)
@given(
    st.binary()
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(
                    ["choices", "delta", "usage", "error", "message", "content", "tool_calls", "function", "index"]
                ),
                x,
            )
        ),
    ).map(lambda v: json.dumps(v).encode())
)
def test_nothing_a_server_sends_raises(data):
    chunks = reader()
    chunks.read(data)
    assert chunks.end() is not None
