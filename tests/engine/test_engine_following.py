from __future__ import annotations

from pathlib import Path

import pytest
from scripted import USAGE, ScriptedProvider, World, answer, call, calls, kinds, play

from dsterm.core.config import Config
from dsterm.core.events import Event, StepEnded, ToolEnded, TurnEnd, TurnEnded
from dsterm.core.messages import AssistantMessage, UserMessage
from dsterm.core.models import PermissionMode, ThinkingMode
from dsterm.core.provider import (
    Delta,
    Ended,
    LeakedMarkup,
    ReasoningPiece,
    ResponseFormat,
    StopReason,
    TextPiece,
    UsagePiece,
)
from dsterm.core.tools import Outcome
from dsterm.core.wire_events import Intervened, Intervention
from dsterm.engine.steps import nudges
from dsterm.engine.steps.whole_answer import whole_answer

NOTHING: list[Delta] = [UsagePiece(usage=USAGE), Ended(stop=StopReason.STOP)]
THOUGHT_ONLY: list[Delta] = [ReasoningPiece("hm"), *NOTHING]
READ = calls(call("read", {"file_path": "a.txt"}))
CIRCLE = "Wait, let me check that once more before I go on with it. " * 80


def cut(text: str) -> list[Delta]:
    return [TextPiece(text), UsagePiece(usage=USAGE), Ended(stop=StopReason.LENGTH)]


def leak(*, recovered: bool, text: str = "") -> list[Delta]:
    return [TextPiece(text), LeakedMarkup(text="<invoke>", recovered=recovered)]


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    (made.folder / "a.txt").write_text("alpha\n")
    return made


class Played:
    def __init__(self, events: list[Event], provider: ScriptedProvider) -> None:
        self.events = events
        self.provider = provider

    @property
    def end(self) -> TurnEnded:
        assert isinstance(self.events[-1], TurnEnded)
        return self.events[-1]

    @property
    def did(self) -> list[Intervention]:
        return [event.kind for event in self.events if isinstance(event, Intervened)]

    @property
    def nudges(self) -> list[str]:
        return [event.nudge for event in self.events if isinstance(event, Intervened) and event.nudge]

    def said(self, request: int = -1) -> list[str]:
        return [m.text for m in self.provider.requests[request].messages if isinstance(m, UserMessage)][1:]


async def played(world: World, *scripts: list[Delta], config: Config | None = None) -> Played:
    provider = ScriptedProvider(scripts)
    events = await play(world.engine(provider, config), "hi")
    assert len(provider.requests) == len(scripts)
    for earlier, later in zip(provider.requests, provider.requests[1:], strict=False):
        assert later.messages[: len(earlier.messages)] == earlier.messages
    return Played(events, provider)


async def test_an_answer_at_the_limit_goes_on_and_reads_as_one(world: World) -> None:
    turn = await played(world, cut("one, "), cut("two, "), answer("three"))
    assert turn.end.reason is TurnEnd.ANSWERED
    assert turn.did == [Intervention.CONTINUED] * 2
    assert turn.said() == [nudges.GO_ON] * 2
    assert whole_answer(turn.events) == "one, two, three"


async def test_an_answer_goes_on_twice_and_then_says_that_it_was_cut(world: World) -> None:
    turn = await played(world, cut("one, "), cut("two, "), cut("three, "))
    assert turn.end == TurnEnded(
        reason=TurnEnd.CUT, text="The answer was cut at the output limit. Say “continue” to go on."
    )


async def test_reasoning_up_to_the_limit_is_no_answer(world: World) -> None:
    turn = await played(world, [ReasoningPiece("hm"), UsagePiece(usage=USAGE), Ended(stop=StopReason.LENGTH)])
    assert turn.end.reason is TurnEnd.CUT
    assert "reasoning" in turn.end.text
    assert "max_output" in turn.end.text


async def test_calls_cut_at_the_limit_again_and_again_end_the_turn(world: World) -> None:
    half = [call("write", {"file_path": "b", "content": ""}), UsagePiece(usage=USAGE), Ended(stop=StopReason.LENGTH)]
    turn = await played(world, half, half, half, half, config=Config(permission_mode=PermissionMode.YOLO))
    assert turn.end.reason is TurnEnd.CUT
    assert not (world.folder / "b").exists()


async def test_a_filtered_answer_is_a_failure(world: World) -> None:
    turn = await played(world, [TextPiece("half"), Ended(stop=StopReason.CONTENT_FILTER)])
    assert turn.end.reason is TurnEnd.FAILED
    assert "content filter" in turn.end.text


async def test_an_empty_answer_after_results_is_asked_for_again_then_nudged_then_given_up(world: World) -> None:
    turn = await played(world, READ, NOTHING, NOTHING, NOTHING, NOTHING)
    assert turn.did == [Intervention.EMPTY_ANSWER] * 3
    assert turn.nudges == [nudges.ANSWER_NOW]
    assert turn.provider.requests[1] == turn.provider.requests[2] == turn.provider.requests[3]
    assert turn.end.reason is TurnEnd.FAILED
    assert "4 times" in turn.end.text
    assert "/flash" in turn.end.text
    assert "/mode non-think" in turn.end.text


async def test_an_answer_that_came_at_the_second_try_is_an_answer(world: World) -> None:
    turn = await played(world, NOTHING, answer("hello"))
    assert (turn.end.reason, turn.nudges) == (TurnEnd.ANSWERED, [])


async def test_reasoning_without_an_answer_is_asked_again_once_and_never_replayed(world: World) -> None:
    turn = await played(world, THOUGHT_ONLY, THOUGHT_ONLY, answer("hello"))
    assert turn.did == [Intervention.EMPTY_ANSWER] * 2
    assert turn.nudges == [nudges.ANSWER_NOW]
    assert not any(isinstance(m, AssistantMessage) for m in turn.provider.requests[-1].messages)


async def test_tries_for_an_empty_answer_are_counted_anew_after_a_tool_ran(world: World) -> None:
    turn = await played(world, NOTHING, NOTHING, READ, NOTHING, NOTHING, answer("hello"))
    assert turn.nudges == []


async def test_an_announcement_is_nudged_twice_a_turn_and_then_stands(world: World) -> None:
    turn = await played(world, answer("Let me check…"), answer("Let me check…"), answer("Let me check…"))
    assert turn.did == [Intervention.ANNOUNCED_ONLY] * 2
    assert turn.said() == [nudges.ACT_NOW] * 2
    assert turn.end.reason is TurnEnd.ANSWERED


async def test_each_turn_has_nudges_of_its_own(world: World) -> None:
    provider = ScriptedProvider([answer("Let me check."), answer("ok"), answer("Let me check."), answer("ok")])
    engine = world.engine(provider)
    for _ in range(2):
        assert kinds(await play(engine, "hi")).count("Intervened") == 1


async def test_a_recovered_call_runs_and_is_told(world: World) -> None:
    turn = await played(world, [*leak(recovered=True), *READ], answer("ok"))
    assert turn.did == [Intervention.RECOVERED_CALL]
    assert kinds(turn.events).index("Intervened") < kinds(turn.events).index("ToolRequested")
    step = next(event for event in turn.events if isinstance(event, StepEnded))
    assert step.leaked == (LeakedMarkup(text="<invoke>", recovered=True),)


async def test_a_lost_call_is_asked_for_once_a_turn(world: World) -> None:
    lost = [*leak(recovered=False), *NOTHING]
    turn = await played(world, lost, READ, lost)
    assert turn.did == [Intervention.DROPPED_MARKUP] * 2
    assert turn.nudges == [nudges.CALL_AGAIN]
    assert turn.end.reason is TurnEnd.FAILED


async def test_an_answer_with_lost_markup_stands_after_the_one_question(world: World) -> None:
    lost = leak(recovered=False, text="It writes tags like these: ")
    turn = await played(world, [*lost, *NOTHING], [*lost, *NOTHING])
    assert turn.end.reason is TurnEnd.ANSWERED


async def test_the_same_call_for_ever_is_stopped(world: World) -> None:
    turn = await played(world, *[calls(call("read", {"file_path": "a.txt"}, f"c{n}")) for n in range(4)])
    assert turn.did == [Intervention.REPEATED_CALL] * 2
    results = [event.result.outcome for event in turn.events if isinstance(event, ToolEnded)]
    assert results == [Outcome.DONE, Outcome.DONE, Outcome.REFUSED, Outcome.REFUSED]
    assert turn.end.reason is TurnEnd.FAILED
    assert "same call (read)" in turn.end.text


async def test_the_same_empty_arguments_for_ever_are_stopped(world: World) -> None:
    turn = await played(world, *[calls(call("read", {}, f"c{n}")) for n in range(4)])
    assert turn.end.reason is TurnEnd.FAILED


async def test_a_model_that_listens_after_a_repetition_goes_on(world: World) -> None:
    turn = await played(world, *[calls(call("read", {"file_path": "a.txt"}, f"c{n}")) for n in range(3)], answer("ok"))
    assert turn.did == [Intervention.REPEATED_CALL]
    assert turn.end.reason is TurnEnd.ANSWERED


async def test_calls_beside_a_repeated_one_run(world: World) -> None:
    (world.folder / "b.txt").write_text("beta\n")
    same = [call("read", {"file_path": "a.txt"}, f"c{n}", n) for n in range(3)]
    turn = await played(world, calls(*same, call("read", {"file_path": "b.txt"}, "d", 3)), answer("ok"))
    outcomes = {event.id: event.result.outcome for event in turn.events if isinstance(event, ToolEnded)}
    assert outcomes == {"c0": Outcome.DONE, "c1": Outcome.DONE, "c2": Outcome.REFUSED, "d": Outcome.DONE}


async def test_reasoning_in_circles_is_stopped_and_tried_afresh_once(world: World) -> None:
    sane = "I should look at the file."
    looping: list[Delta] = [
        ReasoningPiece(sane),
        *[ReasoningPiece(CIRCLE[n : n + 99]) for n in range(0, 4_640, 99)],
        5.0,
    ]  # type: ignore[list-item]
    turn = await played(world, looping, answer("hello"))
    assert turn.did == [Intervention.LOOPING_REASONING]
    assert turn.said() == [nudges.THINK_ANEW]
    assert not any(isinstance(m, AssistantMessage) for m in turn.provider.requests[-1].messages)
    assert turn.end.reason is TurnEnd.ANSWERED
    again = await played(world, looping, looping)
    assert again.end.reason is TurnEnd.FAILED
    assert "circles" in again.end.text


SCHEMA = ResponseFormat(schema=b'{"type": "object", "required": ["a"]}')  # type: ignore[arg-type]


async def structured(world: World, *scripts: list[Delta], wanted: ResponseFormat = SCHEMA) -> Played:
    provider = ScriptedProvider(scripts)
    engine = world.engine(provider)
    events = [envelope.event async for envelope in engine.run("hi", "", wanted)]
    assert len(provider.requests) == len(scripts)
    assert engine.status().mode is ThinkingMode.THINK
    return Played(events, provider)


async def test_json_that_fits_is_an_answer(world: World) -> None:
    turn = await structured(world, answer('```json\n{"a": 1}\n```'))
    assert turn.end.reason is TurnEnd.ANSWERED
    first = turn.provider.requests[0].messages[0]
    assert isinstance(first, UserMessage)
    assert '{"type": "object", "required": ["a"]}' in first.text


async def test_json_that_does_not_fit_is_repaired_once(world: World) -> None:
    turn = await structured(world, answer("{}"), answer('{"a": 1}'))
    assert (turn.end.reason, turn.did) == (TurnEnd.ANSWERED, [Intervention.ANSWER_REPAIRED])
    assert "'a' is a required property" in turn.said()[0]
    turn = await structured(world, answer("{}"), answer("no"))
    assert turn.end.reason is TurnEnd.UNFIT


async def test_json_over_two_messages_is_checked_as_one(world: World) -> None:
    turn = await structured(world, cut('{"a": '), answer("[]}"))
    assert turn.end.reason is TurnEnd.ANSWERED


async def test_empty_json_is_asked_for_once_more_in_non_think(world: World) -> None:
    turn = await structured(world, [ReasoningPiece('{"a": 1}'), *NOTHING], answer('{"a": 1}'))
    assert [request.mode for request in turn.provider.requests] == [ThinkingMode.THINK, ThinkingMode.NON_THINK]
    assert turn.end.reason is TurnEnd.ANSWERED
    turn = await structured(world, NOTHING, NOTHING, wanted=ResponseFormat())
    assert turn.end.reason is TurnEnd.UNFIT
