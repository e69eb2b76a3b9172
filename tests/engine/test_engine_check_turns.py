from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from changing_turns import patch, replaced, texts
from command_world import CommandWorld, assert_growing, drive, names, notices, of_calls, questions
from scripted import USAGE, answer, calls

from dsterm.core.command_events import CheckEnded, CheckStarted
from dsterm.core.config import Config
from dsterm.core.events import AsideEnded, Event, NoticeLevel, Steered, TurnEnd, TurnEnded
from dsterm.core.messages import UserMessage
from dsterm.core.models import PermissionMode

AUTO = PermissionMode.AUTO
CHECK = "grep -q good a.txt || { echo a.txt is bad; exit 1; }"
EDITED = ["ToolRequested", "ToolEnded"]
CHECKED = ["CheckStarted", "CheckEnded"]


def checked(*checks: str, **more: object) -> Config:
    return Config(permission_mode=AUTO, checks=checks, **more)


def ended(events: list[Event]) -> list[CheckEnded]:
    return [event for event in events if isinstance(event, CheckEnded)]


def reason(events: list[Event]) -> TurnEnd:
    assert isinstance(events[-1], TurnEnded)
    return events[-1].reason


async def test_a_failure_goes_back_and_the_repair_is_checked_again(commands: CommandWorld) -> None:
    commands.init_git()
    (commands.folder / "a.txt").write_text("old\n")
    engine = commands.start(
        calls(replaced("a.txt", "old", "bad")), answer("done"),
        calls(replaced("a.txt", "bad", "good", "b")), answer("repaired"),
        config=checked(CHECK),
    )  # fmt: skip
    events = await drive(engine, "go")
    assert of_calls(events) == EDITED + CHECKED + EDITED + CHECKED
    assert [(event.passed, event.round) for event in ended(events)] == [(False, 1), (True, 2)]
    (steered,) = [event for event in events if isinstance(event, Steered)]
    assert steered.text.startswith("1 of 1 check failed after your changes (round 1 of 3).")
    told = commands.provider.requests[2].messages[-1]
    assert isinstance(told, UserMessage)
    assert "a.txt is bad" in told.text
    assert "<data-" in told.text
    assert reason(events) is TurnEnd.ANSWERED
    assert notices(events)[-1].startswith("Round 1 of 3 with the checks, for $")
    assert engine._live.rules().has_read
    await drive(engine, "/undo")
    assert (commands.folder / "a.txt").read_text() == "old\n"
    assert_growing(commands.provider)


async def test_after_three_rounds_it_stops(commands: CommandWorld) -> None:
    (commands.folder / "a.txt").write_text("0\n")
    scripts = []
    for number in range(4):
        scripts += [calls(replaced("a.txt", f"{number}", f"{number + 1}", f"c{number}")), answer("done")]
    # The failures differ in words, so that they don't count as the same one.
    engine = commands.start(*scripts, config=checked("tr 0-9 a-j < a.txt; exit 1"))
    events = await drive(engine, "go")
    assert of_calls(events) == (EDITED + CHECKED) * 4
    assert "The checks still fail after 3 rounds" in texts(events)
    assert reason(events) is TurnEnd.ANSWERED
    assert len(commands.provider.requests) == 8
    assert_growing(commands.provider)


async def test_esc_in_a_check_ends_it_and_the_turn(commands: CommandWorld) -> None:
    commands.init_git()
    engine = commands.start(
        calls(patch("*** Add File: new", "+x")), answer("done"), answer("ok"), config=checked("touch begun; sleep 60")
    )
    turn = asyncio.create_task(drive(engine, "go"))
    while not (commands.folder / "begun").exists():
        await asyncio.sleep(0.01)
    engine.interrupt()
    events = await turn
    assert of_calls(events) == EDITED + CHECKED
    assert (ended(events)[0].passed, ended(events)[0].summary) == (False, "stopped")
    assert reason(events) is TurnEnd.INTERRUPTED
    assert engine._parts.commands.jobs()[-1].exit_code is None
    await drive(engine, "/undo")
    assert not (commands.folder / "begun").exists()
    await drive(engine, "go on")
    assert_growing(commands.provider)


@pytest.mark.parametrize("reply", ["once", "deny"])
async def test_without_a_sandbox_a_check_asks_first(commands: CommandWorld, reply: str) -> None:
    engine = commands.start(
        calls(patch("*** Add File: new", "+x")), answer("done"), config=checked("touch ran"), has_sandbox=False
    )
    events = await drive(engine, "go", reply)
    assert of_calls(events) == [*EDITED, "CheckStarted", "QuestionAsked", "QuestionAnswered", "CheckEnded"]
    asked = questions(events)[0].plan
    assert asked is not None
    assert asked.command is not None
    assert (asked.command.command, asked.command.description) == ("touch ran", "a check after a turn that edited")
    assert (commands.folder / "ran").exists() is (reply == "once")
    assert not [event for event in events if isinstance(event, Steered)]


async def test_without_a_sandbox_and_a_terminal_a_check_does_not_run(commands: CommandWorld) -> None:
    engine = commands.start(
        calls(patch("*** Add File: new", "+x")), answer("done"), config=checked("touch ran"), has_sandbox=False,
        can_ask=False,
    )  # fmt: skip
    events = await drive(engine, "go")
    assert not (commands.folder / "ran").exists()
    assert ended(events)[0].summary.startswith("not run")
    assert notices(events, NoticeLevel.WARNING)


async def test_checks_run_in_the_sandbox_even_in_yolo(commands: CommandWorld) -> None:
    commands.home.mkdir(exist_ok=True)
    (commands.home / "mark").write_text("m\n")
    config = Config(permission_mode=PermissionMode.YOLO, checks=(f"! test -e {commands.home}/mark",))
    engine = commands.start(calls(patch("*** Add File: new", "+x")), answer("done"), config=config)
    assert ended(await drive(engine, "go"))[0].passed


async def test_kept_checks_that_can_not_be_read_leave_the_others(commands: CommandWorld) -> None:
    commands.trust.set_checks(commands.folder, ("touch kept",))
    engine = commands.start(calls(patch("*** Add File: new", "+x")), answer("done"), config=checked("touch ran"))
    (commands.home / "trust.json").write_text("{")
    events = await drive(engine, "go")
    assert (commands.folder / "ran").exists()
    assert not (commands.folder / "kept").exists()
    assert len(notices(events, NoticeLevel.WARNING)) == 1
    assert reason(events) is TurnEnd.ANSWERED


async def test_a_commit_message_is_booked_in_cost_status_and_budget(commands: CommandWorld) -> None:
    (commands.folder / "a.txt").write_text("a\n")
    commands.init_git()
    commands.run_git("config", "user.name", "Ada")
    commands.run_git("config", "user.email", "ada@example.org")
    (commands.folder / "a.txt").write_text("b\n")
    engine = commands.start(answer("Say b"), answer("hello"), config=Config(budget=Decimal(1)))
    events = await drive(engine, "/commit", "all", "once")
    (aside,) = [event for event in events if isinstance(event, AsideEnded)]
    assert aside.ended.usage == USAGE
    assert aside.ended.cost is not None
    assert engine.status().session.dollars == aside.ended.cost.total
    assert engine._live.totals.dollars == aside.ended.cost.total
    assert engine._live.totals.requests == 1
    assert "commit message" in texts(await drive(engine, "/cost"))
    assert commands.run_git("log", "-1", "--format=%s").strip() == "Say b"
    await drive(engine, "hello")
    assert [type(message).__name__ for message in commands.provider.requests[-1].messages] == ["UserMessage"]
    assert CheckStarted.__name__ not in names(events)


async def test_an_aside_that_the_budget_does_not_cover_is_not_sent(commands: CommandWorld) -> None:
    (commands.folder / "a.txt").write_text("a\n")
    commands.init_git()
    (commands.folder / "a.txt").write_text("b\n")
    engine = commands.start(answer("Say b"), config=Config(budget=Decimal("0.0000001")))
    events = await drive(engine, "/commit", "all")
    assert not commands.provider.requests
    assert notices(events, NoticeLevel.ERROR)[0].startswith("No commit message: ")
