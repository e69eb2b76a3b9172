from __future__ import annotations

from decimal import Decimal

import pytest
from llm_raw_server import DONE, HEAD, chunk
from scripted import ScriptedProvider, World, answer, do, only, play
from wire_world import COUNTS, Wire, said, stopped_at

from dsterm.core.config import Config
from dsterm.core.delta_events import TextDelta
from dsterm.core.events import Intervened, MessageAdded, StepEnded
from dsterm.core.models import ThinkingMode
from dsterm.core.provider import Ended, ReasoningPiece, StopReason, TextPiece
from dsterm.core.wire_events import Intervention


def told(events: list, kind: Intervention) -> list[str]:
    return [event.text for event in only(events, Intervened) if event.kind is kind]


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
