from __future__ import annotations

import json
from decimal import Decimal

import pytest
from llm_raw_server import DONE, END, HEAD, chunk, chunked, sse
from scripted import ScriptedProvider, World, answer, do, only, play
from wire_world import COUNTS, Wire, said, stopped_at

from dsterm.core.config import Config
from dsterm.core.events import (
    Intervened,
    MessageAdded,
    StepEnded,
    StepRetried,
    StepStarted,
    TextDelta,
    ToolEnded,
    ToolRequested,
    TurnEnd,
)
from dsterm.core.models import PermissionMode, ThinkingMode
from dsterm.core.provider import Ended, FailureKind, ReasoningPiece, StopReason, TextPiece
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


async def test_another_model_than_asked_is_said_once_and_priced_as_what_it_is(wire: Wire) -> None:
    for _ in range(2):
        other = {**chunk(content="hello"), "model": "deepseek/deepseek-v4-flash"}
        thought = {**chunk(reasoning_content="hm"), "model": "deepseek/deepseek-v4-flash"}
        wire.server.streams(thought, other, {**chunk("stop", COUNTS), "model": "deepseek/deepseek-v4-flash"}, DONE)
    engine = wire.engine()
    events = [*await play(engine, "hi"), *await play(engine, "again")]
    (text,) = told(events, Intervention.OTHER_MODEL)
    assert "Asked for deepseek/deepseek-v4-pro, deepseek/deepseek-v4-flash answered" in text
    assert "$0.14 / $0.28" in text
    assert {step.model for step in only(events, StepEnded)} == {"deepseek/deepseek-v4-flash"}
    assert {step.response_id for step in only(events, StepEnded)} == {"x"}


async def test_a_model_of_unknown_price_is_said_to_be_one(wire: Wire) -> None:
    wire.server.streams({**chunk("stop", COUNTS, content="hello", reasoning_content=None), "model": "who/knows"}, DONE)
    events = await play(wire.engine(), "hi")
    (text,) = told(events, Intervention.OTHER_MODEL)
    assert "price is unknown" in text
    assert only(events, StepEnded)[0].cost is None


@pytest.mark.parametrize("spelling", ["deepseek-v4-pro", "DeepSeek/DeepSeek-V4-Pro", "deepseek-ai/DeepSeek-V4-Pro"])
async def test_another_spelling_is_no_other_model(wire: Wire, spelling: str) -> None:
    wire.server.streams({**chunk("stop", COUNTS, content="hello"), "model": spelling}, DONE)
    events = await play(wire.engine(), "hi")
    assert told(events, Intervention.OTHER_MODEL) == []
    assert only(events, StepEnded)[0].cost.total > Decimal(0)


async def test_an_answer_without_usage_is_estimated_and_said_once(wire: Wire) -> None:
    wire.answers(counts=None)
    engine = wire.engine()
    events = [*await play(engine, "hi"), *await play(engine, "again")]
    assert len(told(events, Intervention.NO_USAGE)) == 1
    assert all(step.usage.is_estimate for step in only(events, StepEnded))


async def test_a_turn_without_a_thought_in_think_is_said_once_for_each_model_and_mode(tmp_path) -> None:
    world = World(tmp_path)
    scripts = [answer("a", None), answer("b", None), answer("c", None), [ReasoningPiece("hm"), *answer("d", None)]]
    engine = world.engine(ScriptedProvider(scripts))
    events = [*await play(engine, "one"), *await play(engine, "two")]
    assert len(told(events, Intervention.MODE_NOT_HONOURED)) == 1
    assert [step.has_reasoned for step in only(events, StepEnded)] == [False, False]
    await do(engine, "/mode think-max")
    assert len(told(await play(engine, "three"), Intervention.MODE_NOT_HONOURED)) == 1
    more = await play(engine, "four")
    assert told(more, Intervention.MODE_NOT_HONOURED) == []
    assert only(more, StepEnded)[0].has_reasoned is True
    await engine.close()


async def test_reasoning_in_non_think_is_seen_in_the_count_alone(wire: Wire) -> None:
    wire.answers(reasoning="")
    events = await play(wire.engine(Config(mode=ThinkingMode.NON_THINK)), "hi")
    (text,) = told(events, Intervention.MODE_NOT_HONOURED)
    assert "Non-think" in text


async def test_a_step_that_was_stopped_says_nothing_about_the_mode(wire: Wire) -> None:
    wire.server.plays(HEAD, said(content="half"), 30.0)
    events, _ = await stopped_at(wire.engine(), lambda event: isinstance(event, TextDelta))
    assert only(events, Intervened) == []


async def test_reasoning_in_circles_is_stopped_and_what_came_before_is_kept(tmp_path) -> None:
    circle = "Wait, I should look at the file again before I say what is wrong with it, since that is safer. "
    pieces = [ReasoningPiece("The bug is in the loop. "), *([ReasoningPiece(circle)] * 200), TextPiece("never")]
    engine = World(tmp_path).engine(ScriptedProvider([[*pieces, Ended(stop=StopReason.STOP)]] * 4))
    events = await play(engine, "hi")
    first = only(events, StepEnded)[0]
    assert first.stop is StopReason.LOOPED
    assert first.failure is None
    assert first.usage.is_estimate
    added = only(events, MessageAdded)[0].message
    assert added.is_cut
    assert len(added.reasoning) < 1_000
    await engine.close()
