from __future__ import annotations

import asyncio

from command_world import (
    CommandWorld,
    assert_growing,
    bash,
    drive,
    questions,
    result,
)
from scripted import answer, calls

from dsterm.core.events import TurnEnd, TurnEnded
from dsterm.core.messages import UserMessage
from dsterm.core.models import PermissionMode
from dsterm.core.tools import Outcome
from dsterm.engine.planning import PLAN_NOTE, PLAN_OVER_NOTE

PLAN = PermissionMode.PLAN


def said(world: CommandWorld, number: int = -1) -> list[str]:
    """The user messages of a request."""
    return [each.text for each in world.provider.requests[number].messages if isinstance(each, UserMessage)]


async def test_review_reads_only_and_leaves_mode_and_notes_as_they_were(commands: CommandWorld) -> None:
    (commands.folder / "a.txt").write_text("a\n")
    commands.init_git()
    (commands.folder / "a.txt").write_text("b\n")
    engine = commands.start(calls(bash("touch made")), answer("# Plan\n\nfine"), answer("ok"), mode=PermissionMode.YOLO)
    events = await drive(engine, "/review")
    assert result(events).outcome is Outcome.REFUSED
    assert result(events).content.startswith("This turn only reads: nothing may be changed or run now.")
    assert not questions(events)
    assert engine.status().permission_mode is PermissionMode.YOLO
    await drive(engine, "next")
    assert not [text for text in said(commands) if PLAN_NOTE in text or PLAN_OVER_NOTE in text]
    assert_growing(commands.provider)


async def test_review_in_plan_mode_does_not_say_that_plan_mode_is_over(commands: CommandWorld) -> None:
    (commands.folder / "a.txt").write_text("a\n")
    commands.init_git()
    (commands.folder / "a.txt").write_text("b\n")
    engine = commands.start(answer("ok"), answer("fine"), answer("ok"), mode=PLAN)
    for line in ("one", "/review", "two"):
        await drive(engine, line)
    assert sum(PLAN_NOTE in text for text in said(commands)) == 1
    assert not any(PLAN_OVER_NOTE in text for text in said(commands))


async def test_after_esc_in_a_review_commands_are_decided_as_before(commands: CommandWorld) -> None:
    (commands.folder / "a.txt").write_text("a\n")
    commands.init_git()
    (commands.folder / "a.txt").write_text("b\n")
    engine = commands.start([5.0, *answer("late")], calls(bash("touch made")), answer("ok"), mode=PermissionMode.AUTO)
    turn = asyncio.create_task(drive(engine, "/review"))
    while not commands.provider.requests:
        await asyncio.sleep(0.01)
    engine.interrupt()
    assert [event.reason for event in await turn if isinstance(event, TurnEnded)] == [TurnEnd.INTERRUPTED]
    events = await drive(engine, "go")
    assert result(events).outcome is Outcome.DONE
    assert_growing(commands.provider)
