from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from llm_raw_server import HEAD, chunked
from scripted import ScriptedProvider, World, answer, call, do, only, play
from wire_world import Wire, said, stopped_after

from dsterm.core.config import Config
from dsterm.core.events import StepEnded, StepRetried, StepStarted
from dsterm.core.provider import (
    Alive,
    Delta,
    Ended,
    Failure,
    FailureKind,
    LeakedMarkup,
    ReasoningPiece,
    Sent,
    StopReason,
    TextPiece,
    ToolCallPiece,
)

SILENCE = 30.0


def failed(kind: FailureKind, status: int = 0) -> Ended:
    return Ended(stop=StopReason.FAILED, failure=Failure(kind=kind, message="It failed.", status=status))


@pytest.mark.parametrize(
    ("script", "is_billed"),
    [
        ([failed(FailureKind.CONNECTION)], False),
        ([failed(FailureKind.TIMEOUT)], False),
        ([Sent(), failed(FailureKind.CONNECTION)], False),
        ([Sent(), failed(FailureKind.TIMEOUT)], True),
        ([Sent(), failed(FailureKind.TIMEOUT, 504)], False),
        ([Sent(), failed(FailureKind.SERVER, 503)], False),
        ([Sent(), Alive(), failed(FailureKind.CONNECTION)], True),
        ([Sent(), Alive(), failed(FailureKind.SERVER, 500)], False),
        ([Sent(), Alive(), TextPiece("half"), failed(FailureKind.SERVER, 500)], True),
    ],
)
async def test_a_request_that_failed_is_billed_by_what_the_server_had_of_it(
    tmp_path: Path, script: list[Delta], is_billed: bool
) -> None:
    events = await play(World(tmp_path).engine(ScriptedProvider([script])), "hi")
    (ended,) = only(events, StepEnded)
    (started,) = only(events, StepStarted)
    assert (ended.usage is not None) is is_billed
    if is_billed:
        assert ended.usage.is_estimate
        assert ended.usage.prompt_tokens == started.forecast.prompt_tokens > 0
        assert ended.cost.total > 0


@pytest.mark.parametrize("script", [[SILENCE], [HEAD, SILENCE], [HEAD, chunked(b": keep-alive\n\n"), SILENCE]])
async def test_a_stop_before_the_first_token_costs_the_prompt(wire: Wire, script: list) -> None:
    wire.server.plays(*script)
    engine = wire.engine()
    events, _ = await stopped_after(engine, 0.1)
    (ended,), (started,) = only(events, StepEnded), only(events, StepStarted)
    assert ended.stop is StopReason.INTERRUPTED
    assert (ended.usage.is_estimate, ended.usage.completion_tokens) == (True, 0)
    assert ended.usage.prompt_tokens == started.forecast.prompt_tokens
    assert ended.has_reasoned is None
    assert engine.status().session.dollars == ended.cost.total > Decimal(0)


async def test_a_silent_server_that_is_given_up_costs_the_prompt_each_time(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dsterm.engine.steps.tries.MAX_RETRIES_AFTER_TIMEOUT", 1)
    monkeypatch.setattr("dsterm.llm.retry.MAX_RETRIES_AFTER_TIMEOUT", 1)
    wire.server.plays(SILENCE)
    events = await play(wire.impatient(Config(idle_timeout=1), can_ask=False), "hi")
    first, second = only(events, StepEnded)
    assert first.failure.kind is second.failure.kind is FailureKind.TIMEOUT
    assert first.usage.is_estimate
    assert second.usage.is_estimate


async def test_a_damaged_line_is_tried_again_like_a_cut_stream(wire: Wire) -> None:
    wire.server.plays(HEAD, said(content="half"), chunked(b'data: {"choices": [{"de\n\n'), SILENCE)
    wire.answers("whole")
    events = await play(wire.engine(), "hi")
    lost, whole = only(events, StepEnded)
    assert (lost.failure.kind, lost.usage.is_estimate) == (FailureKind.PROTOCOL, True)
    assert whole.stop is StopReason.STOP
    assert len(set(wire.bodies)) == 1


async def test_a_server_that_always_damages_its_lines_ends_in_words(wire: Wire) -> None:
    wire.server.plays(HEAD, said(content="half"), chunked(b'data: {"choices": [{"de\n\n'), SILENCE)
    events = await play(wire.engine(), "hi")
    assert len(wire.bodies) == 2
    assert "no chat completion" in events[-1].text
    assert "tried 2 times" in events[-1].text


async def test_a_server_that_speaks_of_something_else_is_not_asked_twice(wire: Wire) -> None:
    wire.server.plays(HEAD, chunked(b"data: [1, 2]\n\n"), SILENCE)
    events = await play(wire.engine(), "hi")
    assert len(wire.bodies) == 1
    assert "no chat completion" in events[-1].text


async def test_a_connection_that_breaks_before_any_byte_costs_nothing(wire: Wire) -> None:
    wire.server.plays(b"")
    wire.answers("whole")
    engine = wire.engine()
    events = await play(engine, "hi")
    assert len(only(events, StepRetried)) == 1
    (ended,) = only(events, StepEnded)
    assert not ended.usage.is_estimate
    assert engine.status().session.dollars == ended.cost.total


async def test_the_tokens_of_a_cut_answer_are_counted_in_one_piece(tmp_path: Path) -> None:
    pieces: list[Delta] = [*map(ReasoningPiece, "thinking"), *map(TextPiece, "saying so")]
    provider = ScriptedProvider([[Sent(), *pieces, failed(FailureKind.BAD_REQUEST)]])
    (ended,) = only(await play(World(tmp_path).engine(provider), "hi"), StepEnded)
    # The counter of the tests gives a token to every four characters begun.
    assert ended.usage.reasoning_tokens == 2
    assert ended.usage.completion_tokens == 2 + 3


async def test_the_tokens_of_a_cut_call_and_of_lost_markup_are_counted_too(tmp_path: Path) -> None:
    whole = call("read", {"file_path": "a.txt"})
    cut = ToolCallPiece(index=1, id="b", name="read", arguments='{"file_path": "b')
    used = []
    for pieces in ([TextPiece("so")], [TextPiece("so"), whole], [TextPiece("so"), whole, cut]):
        provider = ScriptedProvider([[Sent(), *pieces, failed(FailureKind.BAD_REQUEST)]])
        folder = tmp_path / str(len(pieces))
        folder.mkdir()
        (ended,) = only(await play(World(folder).engine(provider), "hi"), StepEnded)
        used.append(ended.usage.completion_tokens)
    none, one, two = used
    assert none == 1
    # The model writes a call in markup of its own, which is longer than the JSON of it.
    assert one - none > len('read{"file_path": "a.txt"}') / 4 + 20
    assert 0 < two - one < one - none
    lost = LeakedMarkup(text="x" * 40, recovered=False)
    provider = ScriptedProvider([[Sent(), TextPiece("so"), lost, failed(FailureKind.BAD_REQUEST)]])
    (tmp_path / "lost").mkdir()
    (ended,) = only(await play(World(tmp_path / "lost").engine(provider), "hi"), StepEnded)
    assert ended.usage.completion_tokens == none + 10


async def test_what_was_billed_once_is_likely_cached_when_it_is_sent_again(tmp_path: Path) -> None:
    cut = [Sent(), Alive(), TextPiece("half"), Ended(stop=StopReason.CUT)]
    provider = ScriptedProvider([cut, answer("whole")])
    first, second = only(await play(World(tmp_path).engine(provider), "hi"), StepStarted)
    assert first.forecast.cached_tokens == 0
    assert second.forecast.prompt_tokens == first.forecast.prompt_tokens
    assert second.forecast.cached_tokens == first.forecast.prompt_tokens // 64 * 64
    assert second.forecast.dollars < first.forecast.dollars


async def test_what_was_stopped_is_likely_cached_in_the_next_turn(tmp_path: Path) -> None:
    provider = ScriptedProvider([[Sent(), SILENCE], answer("whole")])
    engine = World(tmp_path).engine(provider)
    asyncio.get_running_loop().call_later(0.1, engine.interrupt)
    (stopped,) = only(await play(engine, "hi"), StepStarted)
    (started,) = only(await play(engine, "go on"), StepStarted)
    assert started.forecast.cached_tokens == stopped.forecast.prompt_tokens // 64 * 64 > 0


async def test_a_model_that_was_left_still_has_what_it_was_sent(tmp_path: Path) -> None:
    provider = ScriptedProvider([answer("one"), answer("two"), answer("three")])
    engine = World(tmp_path).engine(provider)
    await play(engine, "hi")
    await do(engine, "/flash")
    (flash,) = only(await play(engine, "hi"), StepStarted)
    assert flash.forecast.cached_tokens == 0
    await do(engine, "/pro")
    (pro,) = only(await play(engine, "hi"), StepStarted)
    # 1,000 tokens of prompt and 50 of answer were counted for the first request; what came since is short.
    assert pro.forecast.cached_tokens == 960


async def test_a_new_session_and_a_rewound_one_find_system_text_and_tools_cached(tmp_path: Path) -> None:
    provider = ScriptedProvider([answer("one"), answer("two"), answer("three")])
    engine = World(tmp_path).engine(provider)
    (first,) = only(await play(engine, "hi"), StepStarted)
    await do(engine, "/rewind 1 conversation")
    (rewound,) = only(await play(engine, "hi"), StepStarted)
    await do(engine, "/new")
    (new,) = only(await play(engine, "hi"), StepStarted)
    assert first.forecast.cached_tokens == 0
    assert rewound.forecast.cached_tokens == new.forecast.cached_tokens
    assert 500 < new.forecast.cached_tokens < new.forecast.prompt_tokens


@pytest.mark.parametrize(("hours", "cached"), [(0, 960), (4, 0)])
async def test_a_resumed_session_knows_what_is_cached_until_it_is_too_old(
    tmp_path: Path, hours: int, cached: int
) -> None:
    world = World(tmp_path)
    engine = world.engine(ScriptedProvider([answer("one")]))
    await play(engine, "hi")
    session_id = engine.status().session_id
    await engine.close()
    later = world.engine(ScriptedProvider([answer("two")]))
    clock = later._live.parts.clock
    now = clock.now
    clock.now = lambda: now() + timedelta(hours=hours)
    later.resume(session_id)
    (started,) = only(await play(later, "hi"), StepStarted)
    assert started.forecast.cached_tokens == cached


async def test_what_is_billed_before_its_first_token_has_the_name_that_the_server_gave_it(wire: Wire) -> None:
    wire.server.plays(HEAD, said(role="assistant", content=""), SILENCE)
    events, _ = await stopped_after(wire.engine(), 0.15)
    (ended,) = only(events, StepEnded)
    assert ended.usage.is_estimate
    assert ended.response_id == "x"
