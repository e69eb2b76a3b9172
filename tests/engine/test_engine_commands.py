from __future__ import annotations

import asyncio

import pytest
from command_world import (
    KEY,
    CommandWorld,
    assert_growing,
    bash,
    drive,
    names,
    notices,
    of_calls,
    offered,
    questions,
    result,
)
from scripted import answer, call, calls

from dsterm.core.command_plan import Confinement
from dsterm.core.events import TurnEnd, TurnEnded
from dsterm.core.models import PermissionMode
from dsterm.core.questions import Answer
from dsterm.core.tools import Outcome

ASK, EDITS, AUTO, PLAN, YOLO = (
    PermissionMode.ASK, PermissionMode.ACCEPT_EDITS, PermissionMode.AUTO, PermissionMode.PLAN, PermissionMode.YOLO,
)  # fmt: skip

ASKED = ["ToolRequested", "QuestionAsked", "QuestionAnswered", "ToolEnded"]
UNASKED = ["ToolRequested", "ToolEnded"]


@pytest.mark.parametrize(
    ("mode", "command", "expected"),
    [
        (ASK, "ls", UNASKED),
        (ASK, "touch made", ASKED),
        (EDITS, "touch made", ASKED),
        (AUTO, "touch made", UNASKED),
        (AUTO, "curl https://example.invalid; touch made", ASKED),
        (PLAN, "ls", UNASKED),
        (PLAN, "touch made", UNASKED),
        (YOLO, "touch made", UNASKED),
    ],
)
async def test_what_a_mode_asks_of_a_command(
    commands: CommandWorld, mode: PermissionMode, command: str, expected: list[str]
) -> None:
    engine = commands.start(calls(bash(command)), answer("done"), mode=mode)
    events = await drive(engine, "go", *(["deny"] if expected is ASKED else []))
    assert of_calls(events) == expected
    refused = expected is ASKED or mode is PLAN
    assert result(events).outcome is (Outcome.REFUSED if refused else Outcome.DONE)
    assert (commands.folder / "made").exists() == (command == "touch made" and not refused)
    assert_growing(commands.provider)


@pytest.mark.parametrize("mode", [ASK, EDITS, AUTO])
async def test_without_a_sandbox_every_command_asks_and_says_why(commands: CommandWorld, mode: PermissionMode) -> None:
    engine = commands.start(calls(bash("ls")), answer("done"), mode=mode, has_sandbox=False)
    events = await drive(engine, "go", "deny")
    asked = questions(events)[0]
    assert "there is no sandbox here: it is switched off" in asked.reasons
    assert set(offered(asked)) == {"y", "a", "n"}


async def test_in_auto_without_a_sandbox_and_without_a_terminal_nothing_runs(commands: CommandWorld) -> None:
    engine = commands.start(calls(bash("touch made")), answer("done"), mode=AUTO, has_sandbox=False, can_ask=False)
    events = await drive(engine, "go")
    assert of_calls(events) == UNASKED
    assert result(events).outcome is Outcome.REFUSED
    assert not (commands.folder / "made").exists()


async def test_exact_events_of_an_approved_command(commands: CommandWorld) -> None:
    engine = commands.start(calls(bash("touch made")), answer("done"))
    events = await drive(engine, "go", "once")
    assert names(events) == [
        "TurnStarted", "StepStarted", "ToolCallDelta", "MessageAdded", "StepEnded",
        "ToolRequested", "QuestionAsked", "QuestionAnswered", "ToolEnded",
        "StepStarted", "TextDelta", "MessageAdded", "StepEnded", "TurnEnded",
    ]  # fmt: skip
    asked = questions(events)[0]
    assert asked.call_id == "call_a"
    assert asked.plan is not None
    assert asked.plan.command is not None
    assert (asked.plan.command.command, asked.plan.command.confinement) == ("touch made", Confinement.SANDBOX)


async def test_once_is_asked_again(commands: CommandWorld) -> None:
    engine = commands.start(calls(bash("touch a"), bash("touch a", "call_b", 1)), answer("done"))
    events = await drive(engine, "go", "once", "once")
    assert of_calls(events) == ASKED + ASKED


async def test_refusal_reaches_the_model_with_its_reason(commands: CommandWorld) -> None:
    engine = commands.start(calls(bash("touch made")), answer("done"))
    events = await drive(engine, "go", Answer(answer="deny", text="  use make  "))
    assert result(events).content == "The user refused this command. Their reason: use make"
    assert not (commands.folder / "made").exists()
    assert_growing(commands.provider)


@pytest.mark.parametrize(
    "near",
    [
        {"command": "touch made "},
        {"command": "touch  made"},
        {"command": "touch made b"},
        {"command": "touch made", "workdir": "sub"},
        {"command": "touch made; curl https://example.invalid"},
    ],
)
async def test_exactly_this_covers_nothing_near_it(commands: CommandWorld, near: dict[str, object]) -> None:
    (commands.folder / "sub").mkdir()
    other = call("bash", {"description": "another", **near}, "call_b", 1)
    engine = commands.start(calls(bash("touch made"), other), answer("done"))
    events = await drive(engine, "go", "session", "deny")
    assert of_calls(events) == ASKED + ASKED
    assert [event.outcome for event in (result(events), result(events, 1))] == [Outcome.DONE, Outcome.REFUSED]


async def test_exactly_this_holds_for_the_session_and_ends_with_another_mode(commands: CommandWorld) -> None:
    again = [calls(bash("touch made", f"call_{number}")) for number in range(3)]
    engine = commands.start(*(script for each in again for script in (each, answer("done"))))
    assert of_calls(await drive(engine, "go", "session")) == ASKED
    assert of_calls(await drive(engine, "again")) == UNASKED
    await drive(engine, "/permissions ask")
    assert of_calls(await drive(engine, "again", "deny")) == ASKED


async def test_exactly_this_does_not_pass_into_a_new_session(commands: CommandWorld) -> None:
    engine = commands.start(
        calls(bash("touch made")), answer("done"), calls(bash("touch made", "call_b")), answer("done")
    )
    await drive(engine, "go", "session")
    await drive(engine, "/new")
    assert of_calls(await drive(engine, "again", "deny")) == ASKED


async def test_esc_on_the_question_runs_nothing_and_leaves_an_answered_call(commands: CommandWorld) -> None:
    engine = commands.start(calls(bash("touch made")), answer("done"))
    events = await drive(engine, "go", lambda _question: engine.interrupt())
    assert of_calls(events) == ASKED
    assert result(events).outcome is Outcome.CANCELLED
    assert not (commands.folder / "made").exists()
    await drive(engine, "and now?")
    assert_growing(commands.provider)


async def test_esc_while_a_command_runs_ends_it_and_what_it_started(commands: CommandWorld) -> None:
    engine = commands.start(calls(bash("sleep 60 & echo begun > begun; wait; touch late")), answer("done"), mode=AUTO)

    async def stop() -> None:
        while not (commands.folder / "begun").exists():
            await asyncio.sleep(0.01)
        engine.interrupt()

    stopping = asyncio.create_task(stop())
    events = await drive(engine, "go")
    await stopping
    assert result(events).outcome is Outcome.CANCELLED
    assert isinstance(events[-1], TurnEnded)
    assert events[-1].reason is TurnEnd.INTERRUPTED
    assert not (commands.folder / "late").exists()
    await drive(engine, "and now?")
    assert_growing(commands.provider)


async def test_what_looks_like_a_key_is_masked_before_the_model_sees_it(commands: CommandWorld) -> None:
    (commands.folder / "out.txt").write_text(f"token = {KEY}\n")
    engine = commands.start(calls(bash("cat out.txt")), answer("done"))
    events = await drive(engine, "go")
    assert KEY not in result(events).content
    assert result(events).content == "token = [redacted]"
    log = next((commands.home / "sessions").rglob("*.jsonl"), None)
    assert log is not None
    assert KEY not in log.read_text()


async def test_a_command_that_cannot_start_is_a_result_and_not_the_end(commands: CommandWorld) -> None:
    (commands.folder / "sub").mkdir()
    engine = commands.start(calls(bash("touch made", workdir="sub")), answer("done"))
    events = await drive(
        engine,
        "go",
        lambda question: ((commands.folder / "sub").rmdir(), engine.answer(question.id, Answer(answer="once"))),
    )
    assert result(events).outcome is Outcome.FAILED
    assert not notices(events)
    assert isinstance(events[-1], TurnEnded)
    assert events[-1].reason is TurnEnd.ANSWERED
    assert_growing(commands.provider)
