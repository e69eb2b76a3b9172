from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from scripted import ScriptedProvider, WordCounter, World, answer, do, only, play

from dsterm.core.delta_events import MessageProgress, TextDelta
from dsterm.core.events import (
    Envelope,
    MessageAdded,
    Notice,
    NoticeLevel,
    StepEnded,
    StepRetried,
    TurnEnd,
    TurnEnded,
    TurnStarted,
)
from dsterm.core.events import StepStarted as Started
from dsterm.core.models import ThinkingMode
from dsterm.core.provider import Ended, Failure, FailureKind, ReasoningPiece, StopReason, TextPiece
from dsterm.engine.repair import missing_ends

DOWN = Failure(kind=FailureKind.CONNECTION, message="It can't be reached.", hint="Send it again.", is_retryable=True)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def unlooked(_saved: object, _plan: object) -> NoReturn:
    raise AssertionError("no file was being changed")


async def test_a_running_answer_is_priced_as_the_model_that_gives_it(world: World) -> None:
    engine = world.engine(ScriptedProvider([[TextPiece("half "), 0.2, *answer("whole")]]))
    before = after = None
    async for envelope in engine.run("hi"):
        if isinstance(envelope.event, TextDelta) and before is None:
            before = engine.status().turn.dollars
            await do(engine, "/model flash")
            after = engine.status().turn.dollars
    assert before
    assert after == before


async def test_what_an_interrupted_answer_cost_stays_marked_as_an_estimate(world: World) -> None:
    engine = world.engine(ScriptedProvider([[TextPiece("half"), 5.0], answer("whole")]))
    async for envelope in engine.run("hi"):
        if isinstance(envelope.event, TextDelta):
            engine.interrupt()
    assert engine.status().turn.is_estimate
    assert engine.status().session.is_estimate
    await play(engine, "again")
    assert not engine.status().turn.is_estimate
    assert engine.status().session.is_estimate


async def test_a_retry_gives_its_cause_and_no_advice_to_do_it_by_hand(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dsterm.llm.retry._FIRST_WAIT", 0.001)
    provider = ScriptedProvider([[Ended(stop=StopReason.FAILED, failure=DOWN)], answer("hello")])
    events = await play(world.engine(provider), "hi")
    (retried,) = only(events, StepRetried)
    assert isinstance(retried, StepRetried)
    assert retried.cause == "It can't be reached."


async def test_what_was_shown_is_kept_when_trying_again_brings_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dsterm.llm.retry._FIRST_WAIT", 0.001)
    monkeypatch.setattr("dsterm.llm.retry._LONGEST_WAIT", 0.001, raising=False)
    down = [Ended(stop=StopReason.FAILED, failure=DOWN)]
    cut = [ReasoningPiece("so"), TextPiece("half"), Ended(stop=StopReason.CUT)]
    events = await play(world.engine(ScriptedProvider([cut, *([down] * 9)])), "hi")
    (added,) = only(events, MessageAdded)
    assert isinstance(added, MessageAdded)
    assert (added.message.content, added.message.reasoning, added.message.is_cut) == ("half", "so", True)
    assert isinstance(events[-1], TurnEnded)
    assert events[-1].reason is TurnEnd.FAILED


async def test_detaching_what_was_never_sent_loses_nothing(world: World) -> None:
    engine = world.engine(ScriptedProvider([answer("one")]))
    await do(engine, "/attach .")
    assert not [event for event in await do(engine, "/detach") if isinstance(event, Notice)]
    await do(engine, "/attach .")
    await play(engine, "hi")
    (notice,) = only(await do(engine, "/detach"), Notice)
    assert isinstance(notice, Notice)
    assert notice.level is NoticeLevel.WARNING


async def test_a_session_that_was_killed_counts_its_time_to_the_last_sign_of_life(world: World) -> None:
    first = world.engine(ScriptedProvider([answer("one")]))
    await play(first, "hello")
    envelope = first.transcript()[0]
    await first.close()

    def at(second: float, event: object) -> Envelope:
        moment = envelope.at.replace(minute=0, second=int(second), microsecond=int(second % 1 * 1_000_000))
        return Envelope(id="x", parent="", seq=1, at=moment, event=event)  # type: ignore[arg-type]

    events = [
        at(0, TurnStarted(prompt="p", note="")),
        at(0, Started(provider="novita", model="m", mode=ThinkingMode.THINK, why="")),
        at(2, MessageProgress(content="", reasoning="so")),
        at(3.5, MessageProgress(content="half", reasoning="")),
    ]
    (ended,) = only(missing_ends(events, lambda *_: None, WordCounter(), unlooked), StepEnded)
    assert isinstance(ended, StepEnded)
    assert (ended.timings.first_token, ended.timings.first_answer, ended.timings.total) == (0, 3.5, 3.5)


async def test_reports_fit_80_columns(world: World) -> None:
    engine = world.engine(ScriptedProvider([answer("one"), answer("two")]))
    await do(engine, "/mode non-think")
    await play(engine, "a")
    await do(engine, "/flash")
    await play(engine, "b")
    for line in ("/cost", "/model"):
        (notice,) = only(await do(engine, line), Notice)
        assert isinstance(notice, Notice)
        assert max(len(row) for row in notice.text.splitlines()) <= 76
