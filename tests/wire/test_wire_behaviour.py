from __future__ import annotations

from pathlib import Path

import pytest
from wire_engine import markup, turn_of

from dsterm.core.config import Config
from dsterm.core.events import StepEnded, TurnEnd
from dsterm.core.models import PermissionMode, ThinkingMode
from dsterm.core.provider import StopReason
from dsterm.core.tools import Outcome
from dsterm.core.wire_events import Intervention
from dsterm.demo.leaks import SPELLINGS
from dsterm.engine.steps import nudges

READ = {"tool_calls": [{"name": "read", "arguments": {"file_path": "a.txt"}}]}
OK = {"text": "It says alpha."}
EMPTY = {"text": ""}
CIRCLE = "Wait, let me check that once more before I go on with it. "


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_markup_of_a_known_tool_becomes_a_call_and_is_never_shown(tmp_path: Path, spelling: str) -> None:
    said = {"text": f"I look.\n\n{markup(spelling, file_path='a.txt')}", "finish_reason": "stop"}
    turn = await turn_of(tmp_path, said, OK)
    assert turn.did == [Intervention.RECOVERED_CALL]
    assert "alpha" in turn.results[0].content
    assert "<" not in turn.shown
    assert "<" not in turn.messages[0].content
    assert turn.end.reason is TurnEnd.ANSWERED


async def test_markup_of_an_unknown_tool_is_dropped_and_asked_for_once(tmp_path: Path) -> None:
    said = {"text": markup("｜DSML｜", "launch", target="moon"), "finish_reason": "stop"}
    turn = await turn_of(tmp_path, said, OK)
    assert turn.did == [Intervention.DROPPED_MARKUP]
    assert turn.nudges == [nudges.CALL_AGAIN]
    assert turn.shown == "It says alpha."
    assert turn.results == []


async def test_markup_that_stays_unreadable_ends_the_turn_with_words(tmp_path: Path) -> None:
    said = {"text": markup("｜DSML｜", "launch", target="moon"), "finish_reason": "stop"}
    turn = await turn_of(tmp_path, said, said)
    assert len(turn.nudges) == 1
    assert turn.end.reason is TurnEnd.FAILED
    assert "/flash" in turn.end.text


async def test_markup_in_a_fence_is_left_alone(tmp_path: Path) -> None:
    text = f"It looks like this:\n```\n{markup('｜DSML｜', file_path='a.txt')}\n```\nThat is all."
    turn = await turn_of(tmp_path, {"text": text})
    assert turn.did == []
    assert turn.shown == text


async def test_an_empty_answer_after_results_is_asked_again_nudged_and_given_up(tmp_path: Path) -> None:
    turn = await turn_of(tmp_path, READ, EMPTY, EMPTY, EMPTY, EMPTY)
    assert turn.did == [Intervention.EMPTY_ANSWER] * 3
    assert turn.nudges == [nudges.ANSWER_NOW]
    assert turn.end.reason is TurnEnd.FAILED
    assert "empty answer, 4 times" in turn.end.text


async def test_an_announcement_is_nudged_at_most_twice(tmp_path: Path) -> None:
    said = {"text": "Let me check the file…"}
    turn = await turn_of(tmp_path, said, said, said)
    assert turn.did == [Intervention.ANNOUNCED_ONLY] * 2
    assert turn.end.reason is TurnEnd.ANSWERED


async def test_an_announcement_that_was_nudged_goes_on(tmp_path: Path) -> None:
    turn = await turn_of(tmp_path, {"text": "Let me check the file…"}, READ, OK)
    assert turn.did == [Intervention.ANNOUNCED_ONLY]
    assert turn.end.reason is TurnEnd.ANSWERED


async def test_the_same_call_for_ever_is_stopped(tmp_path: Path) -> None:
    turn = await turn_of(tmp_path, READ, READ, READ, READ)
    assert turn.did == [Intervention.REPEATED_CALL] * 2
    assert [result.outcome for result in turn.results] == [Outcome.DONE] * 2 + [Outcome.REFUSED] * 2
    assert turn.end.reason is TurnEnd.FAILED


async def test_the_steps_of_a_turn_have_a_cap(tmp_path: Path) -> None:
    patterns = ({"tool_calls": [{"name": "glob", "arguments": {"pattern": f"*{n}"}}]} for n in range(3))
    turn = await turn_of(tmp_path, *patterns, config=Config(max_steps=3))
    assert turn.end.reason is TurnEnd.MAX_TURNS
    assert "max_steps" in turn.end.text


async def test_empty_arguments_are_answered_with_what_is_missing_and_count(tmp_path: Path) -> None:
    empty = {"tool_calls": [{"name": "read", "arguments": "{}"}]}
    turn = await turn_of(tmp_path, empty, empty, empty, OK)
    assert "file_path" in turn.results[0].content
    assert turn.did == [Intervention.REPEATED_CALL]
    assert turn.end.reason is TurnEnd.ANSWERED


async def test_reasoning_in_circles_is_stopped_and_tried_afresh_once(tmp_path: Path) -> None:
    looping = {"reasoning": CIRCLE, "reasoning_repeat": 2_000, "text": "At last."}
    turn = await turn_of(tmp_path, looping, looping)
    assert turn.did == [Intervention.LOOPING_REASONING]
    steps = [event for event in turn.events if isinstance(event, StepEnded)]
    assert [step.stop for step in steps] == [StopReason.LOOPED] * 2
    assert all(len(message.reasoning) < 5_000 for message in turn.messages)
    assert all(step.usage is not None and step.usage.is_estimate for step in steps)
    assert turn.end.reason is TurnEnd.FAILED
    assert "circles" in turn.end.text


async def test_reasoning_without_an_answer_is_asked_again(tmp_path: Path) -> None:
    turn = await turn_of(tmp_path, {"reasoning": "Hm.", "text": ""}, OK)
    assert turn.did == [Intervention.EMPTY_ANSWER]
    assert turn.end.reason is TurnEnd.ANSWERED


async def test_think_tags_in_the_answer_are_reasoning(tmp_path: Path) -> None:
    turn = await turn_of(
        tmp_path, {"text": "<think>Hm, alpha.</think>\n\nIt says alpha."}, config=Config(mode=ThinkingMode.THINK)
    )
    assert turn.messages[0].reasoning.strip() == "Hm, alpha."
    assert turn.shown.strip() == "It says alpha."


async def test_an_answer_at_the_limit_goes_on_twice(tmp_path: Path) -> None:
    cut = {"text": "One, ", "finish_reason": "length"}
    turn = await turn_of(tmp_path, cut, cut, {"text": "two."})
    assert turn.did == [Intervention.CONTINUED] * 2
    assert turn.shown == "One, One, two."
    assert turn.end.reason is TurnEnd.ANSWERED


async def test_a_call_cut_at_the_limit_never_runs(tmp_path: Path) -> None:
    for reason in ("length", "tool_calls"):
        half = {"name": "write", "arguments": '{"file_path": "b.txt", "content": "half of'}
        yolo = Config(permission_mode=PermissionMode.YOLO)
        turn = await turn_of(tmp_path, {"tool_calls": [half], "finish_reason": reason}, OK, config=yolo)
        assert turn.results[0].outcome is Outcome.FAILED
        assert not (tmp_path / "work" / "b.txt").exists()
