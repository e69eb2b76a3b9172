from __future__ import annotations

import json

import pytest
from llm_raw_server import DONE, END, HEAD, chunk, chunked, sse
from scripted import only, play
from wire_world import COUNTS, Wire, said

from dsterm.core.config import Config
from dsterm.core.events import (
    Intervened,
    MessageAdded,
    StepEnded,
    StepRetried,
    StepStarted,
    ToolEnded,
    ToolRequested,
    TurnEnd,
)
from dsterm.core.models import PermissionMode
from dsterm.core.provider import FailureKind, StopReason
from dsterm.core.wire_events import Intervention
from dsterm.engine.steps.learned import REFILL

CUT = [HEAD, said(content="half"), END]
BUSY = b'{"error": {"message": "busy"}}'
NO_REASONING = {
    "error": {
        "message": "The `reasoning_content` in the thinking mode must be passed back to the API.",
        "type": "invalid_request_error",
        "code": "invalid_request_error",
    }
}
OVERFLOW = (
    "This model's maximum context length is {window} tokens. However, you requested {sum} tokens ({prompt} in the messages, "
    "{output} in the completion). Please reduce the length of the messages or completion."
)


def refused(message: str) -> bytes:
    return json.dumps({"error": {"message": message, "type": "invalid_request_error"}}).encode()


def overflow(window: int, prompt: int, output: int = 65_536) -> bytes:
    return refused(OVERFLOW.format(window=window, sum=prompt + output, prompt=prompt, output=output))


def told(events: list, kind: Intervention) -> list[str]:
    return [event.text for event in only(events, Intervened) if event.kind is kind]


async def test_faults_before_the_first_word_are_retried_with_the_same_bytes(wire: Wire) -> None:
    wire.server.answers("503 Busy", BUSY)
    wire.server.answers("429 Slow down", BUSY)
    wire.server.plays(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n")
    wire.answers()
    engine = wire.engine()
    events = await play(engine, "hi")
    assert len(wire.bodies) == 4
    assert len(set(wire.bodies)) == 1
    assert [event.attempt for event in only(events, StepRetried)] == [1, 2, 3]
    assert {event.limit for event in only(events, StepRetried)} == {4}
    (ended,) = only(events, StepEnded)
    assert not ended.usage.is_estimate
    assert events[-1].reason is TurnEnd.ANSWERED


async def test_a_failure_that_stays_says_how_often_it_was_tried(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dsterm.llm.retry._LONGEST_WAIT", 0.001)
    wire.server.answers("503 Busy", BUSY)
    events = await play(wire.engine(), "hi")
    assert len(wire.bodies) == 5
    assert "It was tried 5 times." in events[-1].text
    (ended,) = only(events, StepEnded)
    assert ended.usage is None
    assert ended.failure.is_outage


async def test_after_text_it_is_retried_once_whatever_failed_before(wire: Wire) -> None:
    wire.server.answers("503 Busy", BUSY)
    wire.server.plays(*CUT)
    wire.server.plays(*CUT)
    wire.answers()
    events = await play(wire.engine(), "hi")
    assert len(wire.bodies) == 3
    assert [(event.attempt, event.limit) for event in only(events, StepRetried)] == [(1, 4), (2, 2)]
    assert events[-1].reason is TurnEnd.FAILED
    (kept,) = only(events, MessageAdded)
    assert (kept.message.content, kept.message.is_cut) == ("half", True)


async def test_what_is_lost_to_a_retry_is_billed_as_an_estimate_and_stays_out_of_the_history(wire: Wire) -> None:
    wire.server.plays(*CUT)
    wire.answers("whole")
    engine = wire.engine()
    events = await play(engine, "hi")
    first, second = wire.bodies
    assert first == second
    lost, whole = only(events, StepEnded)
    assert lost.usage.is_estimate
    assert engine.status().session.dollars == lost.cost.total + whole.cost.total
    await play(engine, "again")
    assert [
        message["content"] for message in json.loads(wire.bodies[2])["messages"] if message["role"] == "assistant"
    ] == ["whole"]


async def test_a_stream_cut_after_keep_alives_alone_has_cost_its_prompt(wire: Wire) -> None:
    wire.server.plays(HEAD, chunked(b": queued\n\n"), END)
    wire.answers()
    events = await play(wire.engine(), "hi")
    lost, _ = only(events, StepEnded)
    assert (lost.usage.is_estimate, lost.usage.completion_tokens) == (True, 0)
    assert lost.usage.prompt_tokens > 0


async def test_a_refusal_costs_nothing_even_inside_a_200(wire: Wire) -> None:
    wire.server.plays(
        HEAD, chunked(sse({"error": {"message": "no", "code": 400, "type": "invalid_request_error"}})), END
    )
    events = await play(wire.engine(), "hi")
    (ended,) = only(events, StepEnded)
    assert ended.usage is None
    assert events[-1].reason is TurnEnd.FAILED


async def test_running_out_of_capacity_is_retried_like_overload(wire: Wire) -> None:
    cut = chunked(sse(chunk("insufficient_system_resource", COUNTS, content="")))
    wire.server.plays(HEAD, said(content="half"), cut, chunked(sse(DONE)), END)
    wire.answers("whole")
    events = await play(wire.engine(), "hi")
    (retried,) = only(events, StepRetried)
    assert "capacity" in retried.cause
    assert [step.usage.is_estimate for step in only(events, StepEnded)] == [False, False]
    assert [event.message.content for event in only(events, MessageAdded)] == ["whole"]


async def test_a_call_in_a_cut_stream_never_runs_even_when_its_arguments_are_whole(wire: Wire) -> None:
    function = {"name": "write", "arguments": '{"file_path": "a.txt", "content": "x"}'}
    call = {"index": 0, "id": "c1", "type": "function", "function": function}
    wire.server.plays(HEAD, said(tool_calls=[call]), END)
    wire.server.plays(HEAD, said(tool_calls=[call]), END)
    events = await play(wire.engine(Config(permission_mode=PermissionMode.ACCEPT_EDITS)), "hi")
    assert only(events, ToolRequested) == only(events, ToolEnded) == []
    assert not (wire.world.folder / "a.txt").exists()
    assert events[-1].reason is TurnEnd.FAILED


async def test_nothing_is_retried_after_a_tool_ran_from_that_message(wire: Wire) -> None:
    (wire.world.folder / "a.txt").write_text("alpha\n")
    function = {"name": "read", "arguments": '{"file_path": "a.txt"}'}
    call = {"index": 0, "id": "c1", "type": "function", "function": function}
    finish = chunked(sse(chunk("tool_calls", COUNTS, content="")))
    wire.server.plays(HEAD, said(tool_calls=[call]), finish, chunked(sse(DONE)), END)
    wire.server.answers("503 Busy", BUSY)
    wire.answers()
    events = await play(wire.engine(), "hi")
    assert len(only(events, ToolEnded)) == 1
    first, second, third = wire.bodies
    assert second == third
    assert second != first


async def test_missing_reasoning_is_refilled_once_and_for_the_whole_session(wire: Wire) -> None:
    wire.answers("one", reasoning="")
    wire.server.answers("400 Bad Request", json.dumps(NO_REASONING).encode())
    wire.answers("two")
    wire.answers("three")
    engine = wire.engine()
    await play(engine, "first")
    events = await play(engine, "second")
    (text,) = told(events, Intervention.REASONING_REFILLED)
    assert "1 earlier answer" in text
    assert [(step.stop, step.usage is None) for step in only(events, StepEnded)] == [
        (StopReason.FAILED, True),
        (StopReason.STOP, False),
    ]
    assert [step.broke for step in only(events, StepStarted)] == ["", "repair"]
    more = await play(engine, "third")
    assert [step.broke for step in only(more, StepStarted)] == [""]
    replayed = [
        [message["reasoning_content"] for message in json.loads(body)["messages"] if message["role"] == "assistant"]
        for body in wire.bodies
    ]
    assert replayed == [[], [" "], [REFILL], [REFILL, "hm"]]


async def test_a_resumed_session_goes_on_refilling(wire: Wire) -> None:
    wire.answers("one", reasoning="")
    wire.server.answers("400 Bad Request", json.dumps(NO_REASONING).encode())
    wire.answers("two")
    wire.answers("three")
    engine = wire.engine()
    await play(engine, "first")
    await play(engine, "second")
    session_id = engine.status().session_id
    await engine.close()
    resumed = wire.engine()
    resumed.resume(session_id)
    events = await play(resumed, "third")
    assert [step.broke for step in only(events, StepStarted)] == [""]
    assert told(events, Intervention.MODE_NOT_HONOURED) == []
    await resumed.close()


async def test_refilling_that_does_not_help_is_final(wire: Wire) -> None:
    wire.answers("one", reasoning="")
    wire.server.answers("400 Bad Request", json.dumps(NO_REASONING).encode())
    engine = wire.engine()
    await play(engine, "first")
    events = await play(engine, "second")
    assert len(wire.bodies) == 3
    assert events[-1].reason is TurnEnd.FAILED
    assert only(events, StepEnded)[-1].failure.kind is FailureKind.REASONING_MISSING


async def test_an_output_cap_that_does_not_fit_is_lowered_to_the_window_the_server_names(wire: Wire) -> None:
    wire.server.answers("400 Bad Request", overflow(window=20_000, prompt=5_000))
    wire.answers()
    wire.answers()
    engine = wire.engine()
    events = await play(engine, "hi")
    caps = [json.loads(body)["max_tokens"] for body in wire.bodies]
    assert caps == [65_536, 20_000 - 5_000 - 64]
    (text,) = told(events, Intervention.OUTPUT_LOWERED)
    assert "20,000 tokens" in text
    assert engine.status().model.context_window == 20_000
    assert [step.broke for step in only(events, StepStarted)] == ["", ""]
    await play(engine, "again")
    assert json.loads(wire.bodies[2])["max_tokens"] < 20_000


async def test_a_prompt_that_does_not_fit_itself_is_not_sent_again(wire: Wire) -> None:
    wire.server.answers("400 Bad Request", overflow(window=20_000, prompt=19_900))
    events = await play(wire.engine(), "hi")
    assert len(wire.bodies) == 1
    assert only(events, StepRetried) == []
    assert "/new" in events[-1].text


@pytest.mark.parametrize("message", ["Unknown field `enable_thinking`", "This response_format type is unavailable now"])
async def test_other_refusals_are_final_in_the_servers_own_words(wire: Wire, message: str) -> None:
    wire.server.answers("400 Bad Request", refused(message))
    events = await play(wire.engine(), "hi")
    assert len(wire.bodies) == 1
    assert message in events[-1].text
