from __future__ import annotations

import asyncio
import socket

import pytest
from llm_raw_server import HEAD, chunked
from scripted import only, play
from wire_world import Wire, answer, said, stopped_after, stopped_at

from dsterm.core.config import Config
from dsterm.core.delta_events import ReasoningDelta, TextDelta
from dsterm.core.events import (
    MessageAdded,
    QuestionAnswered,
    QuestionAsked,
    StepEnded,
    StepRetried,
    StepStarted,
    TurnEnd,
)
from dsterm.core.provider import FailureKind
from dsterm.core.questions import Answer
from dsterm.core.wire_events import StepStalled
from dsterm.engine.steps.watch import KEEP_WAITING, TRY_AGAIN

COMMENT = chunked(b": keep-alive\n\n")
SILENCE = 30.0
AT_ONCE = 0.3
"""Seconds; far below anything that is waited for in these tests."""


def stalls(events):
    return [event.seconds for event in only(events, StepStalled)]


async def test_silence_is_told_again_and_again_until_life_returns(wire: Wire) -> None:
    wire.server.plays(HEAD, said(reasoning_content="hm"), 0.13, *answer("whole")[1:])
    events = await play(wire.impatient(can_ask=False), "hi")
    *silent, alive = stalls(events)
    assert alive == 0
    assert len(silent) >= 2
    assert 0.05 <= silent[0] < silent[1]
    assert events[-1].reason is TurnEnd.ANSWERED


async def test_keep_alive_comments_are_life(wire: Wire) -> None:
    wire.server.plays(HEAD, *([COMMENT, 0.02] * 12), *answer("whole")[1:])
    events = await play(wire.impatient(), "hi")
    assert stalls(events) == []
    assert events[-1].reason is TurnEnd.ANSWERED


async def test_life_answers_the_question_by_itself(wire: Wire) -> None:
    wire.server.plays(HEAD, said(content="half "), 0.25, *answer("whole", reasoning="")[1:])
    events = [envelope.event async for envelope in wire.impatient().run("hi")]
    (asked,), (answered,) = only(events, QuestionAsked), only(events, QuestionAnswered)
    assert [(option.key, option.label) for option in asked.options] == [("r", "try again"), ("w", "keep waiting")]
    assert (answered.id, answered.answer.answer, answered.by) == (asked.id, KEEP_WAITING, "policy")
    assert [event.message.content for event in only(events, MessageAdded)] == ["half whole"]


async def test_where_nobody_can_be_asked_nothing_is_asked(wire: Wire) -> None:
    wire.server.plays(HEAD, said(content="half "), 0.25, *answer("whole", reasoning="")[1:])
    events = await play(wire.impatient(can_ask=False), "hi")
    assert only(events, QuestionAsked) == []


async def test_trying_again_sends_the_same_bytes_and_books_what_was_shown(wire: Wire) -> None:
    wire.server.plays(HEAD, said(content="half"), SILENCE)
    wire.answers("whole")
    engine = wire.impatient()
    events = await play(engine, "hi", [Answer(answer=TRY_AGAIN)])
    first, second = wire.bodies
    assert first == second
    assert [event.wait for event in only(events, StepRetried)] == [0]
    lost, whole = only(events, StepEnded)
    assert (lost.usage.is_estimate, lost.usage.completion_tokens) == (True, 1)
    assert lost.failure.kind is FailureKind.TIMEOUT
    assert [event.message.content for event in only(events, MessageAdded)] == ["whole"]
    assert engine.status().session.dollars == lost.cost.total + whole.cost.total


async def test_whoever_keeps_waiting_is_not_asked_again_in_the_same_silence(wire: Wire) -> None:
    wire.server.plays(HEAD, 0.45, *answer("whole")[1:])
    events = await play(wire.impatient(), "hi", [Answer(answer=KEEP_WAITING)])
    assert len(only(events, QuestionAsked)) == 1
    assert events[-1].reason is TurnEnd.ANSWERED


async def test_trying_again_is_the_users_choice_as_often_as_they_like(wire: Wire) -> None:
    for _ in range(4):
        wire.server.plays(HEAD, said(content="half"), SILENCE)
    wire.answers("whole")
    events = await play(wire.impatient(), "hi", [Answer(answer=TRY_AGAIN)] * 4)
    assert len(set(wire.bodies)) == 1
    assert events[-1].reason is TurnEnd.ANSWERED


async def test_silence_without_end_fails_as_a_timeout(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dsterm.engine.steps.tries.MAX_RETRIES_AFTER_TIMEOUT", 0)
    monkeypatch.setattr("dsterm.llm.retry.MAX_RETRIES_AFTER_TIMEOUT", 0)
    wire.server.plays(HEAD, said(content="half"), SILENCE)
    events = await play(wire.impatient(Config(idle_timeout=1), can_ask=False), "hi")
    (ended,) = only(events, StepEnded)
    assert ended.failure.kind is FailureKind.TIMEOUT
    assert "nothing for 1 s" in ended.failure.message
    assert events[-1].reason is TurnEnd.FAILED
    await asyncio.wait_for(wire.server.lost.wait(), 1)


PHASES = {
    "headers": ([SILENCE], None),
    "queued": ([HEAD, COMMENT, SILENCE], None),
    "reasoning": ([HEAD, said(reasoning_content="hm"), SILENCE], ReasoningDelta),
    "text": ([HEAD, said(content="half"), SILENCE], TextDelta),
    "question": ([HEAD, said(content="half"), SILENCE], QuestionAsked),
}


@pytest.mark.parametrize("phase", PHASES)
async def test_esc_stops_at_once_in_every_phase(wire: Wire, phase: str) -> None:
    script, reached = PHASES[phase]
    wire.server.plays(*script)
    wire.answers("whole")
    engine = wire.impatient()
    if reached is None:
        events, took = await stopped_after(engine, 0.1)
    else:
        events, took = await stopped_at(engine, lambda event: isinstance(event, reached))
    assert took < AT_ONCE
    assert events[-1].reason is TurnEnd.INTERRUPTED
    assert len(only(events, StepStarted)) == len(only(events, StepEnded)) == 1
    assert len(only(events, QuestionAsked)) == len(only(events, QuestionAnswered))
    await asyncio.wait_for(wire.server.lost.wait(), 1)
    assert (await play(engine, "go on"))[-1].reason is TurnEnd.ANSWERED


async def test_esc_stops_at_once_while_it_connects(wire: Wire) -> None:
    with socket.socket() as listener, socket.socket() as queued:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        # The backlog is full after one connection that nobody accepts; the next one is left hanging.
        queued.connect(listener.getsockname())
        extra = socket.socket()
        extra.setblocking(False)
        extra.connect_ex(listener.getsockname())
        port = listener.getsockname()[1]
        events, took = await stopped_after(wire.engine(url=f"http://127.0.0.1:{port}/v1"), 0.3)
        extra.close()
    assert took < AT_ONCE
    assert events[-1].reason is TurnEnd.INTERRUPTED
    (ended,) = only(events, StepEnded)
    assert ended.usage is None


async def test_esc_stops_at_once_while_a_retry_waits(wire: Wire) -> None:
    wire.server.answers("503 Busy", b"{}", "retry-after: 30")
    events, took = await stopped_at(wire.engine(), lambda event: isinstance(event, StepRetried))
    assert took < AT_ONCE
    assert events[-1].reason is TurnEnd.INTERRUPTED
    assert len(wire.bodies) == 1
