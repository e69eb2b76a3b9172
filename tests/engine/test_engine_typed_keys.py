from __future__ import annotations

import asyncio

import pytest
from changing_turns import patch
from command_world import KEY, CommandWorld, assert_growing, bash, drive, names, notices, offered, questions
from scripted import answer, calls

from dsterm.core.events import NoticeLevel, Steered, TurnEnd, TurnEnded, TurnStarted
from dsterm.core.messages import UserMessage
from dsterm.core.models import PermissionMode
from dsterm.core.questions import Answer
from dsterm.core.review import FileReview

PROMPT = f"use {KEY} for it"


def said(world: CommandWorld) -> list[str]:
    return [each.text for each in world.provider.requests[-1].messages if isinstance(each, UserMessage)]


def assert_nowhere(world: CommandWorld, secret: str = KEY) -> None:
    for path in world.home.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes(), path
    assert secret not in repr(world.provider.requests)


async def test_the_question_comes_before_anything_is_kept_and_does_not_show_the_key(commands: CommandWorld) -> None:
    engine = commands.start(answer("ok"))
    events = await drive(engine, PROMPT, "masked")
    assert names(events)[:3] == ["QuestionAsked", "QuestionAnswered", "TurnStarted"]
    asked = questions(events)[0]
    assert KEY not in repr(asked)
    assert offered(asked) == {"m": "masked", "s": "as it is", "n": "no"}
    assert said(commands)[0].endswith("use [redacted] for it")
    assert_nowhere(commands)


async def test_as_it_is_sends_it_so(commands: CommandWorld) -> None:
    engine = commands.start(answer("ok"))
    await drive(engine, PROMPT, "as-it-is")
    assert said(commands)[0].endswith(PROMPT)


async def test_no_sends_nothing_now_or_later(commands: CommandWorld) -> None:
    engine = commands.start(answer("ok"))
    events = await drive(engine, PROMPT, "deny")
    assert names(events) == ["QuestionAsked", "QuestionAnswered", "TurnEnded"]
    assert isinstance(events[-1], TurnEnded)
    assert events[-1].reason is TurnEnd.FAILED
    assert events[-1].text.startswith("Not sent: the prompt holds ")
    assert not commands.provider.requests
    assert not list((commands.home / "sessions").rglob("*.jsonl")), "a session without a word leaves no file"
    await drive(engine, "without")
    assert said(commands) == ["<environment>branch main</environment>\n\nwithout"]
    assert_nowhere(commands)


async def test_esc_on_the_question_ends_a_turn_that_sent_nothing(commands: CommandWorld) -> None:
    engine = commands.start(answer("ok"))
    events = await drive(engine, PROMPT, lambda _question: engine.interrupt())
    assert names(events) == ["QuestionAsked", "QuestionAnswered", "TurnEnded"]
    assert isinstance(events[-1], TurnEnded)
    assert events[-1].reason is TurnEnd.INTERRUPTED
    await drive(engine, "without")
    assert len(said(commands)) == 1
    assert_nowhere(commands)


async def test_without_a_terminal_it_is_refused(commands: CommandWorld) -> None:
    engine = commands.start(can_ask=False)
    events = await drive(engine, PROMPT)
    assert names(events) == ["TurnEnded"]
    assert isinstance(events[0], TurnEnded)
    assert events[0].reason is TurnEnd.FAILED
    assert "It was not sent" in events[0].text
    assert KEY not in events[0].text
    assert_nowhere(commands)


async def test_a_refused_prompt_keeps_what_the_next_one_should_tell(commands: CommandWorld) -> None:
    engine = commands.start(calls(bash("touch made", run_in_background=True)), answer("ok"), answer("ok"))
    await drive(engine, "go", "once")
    while engine.status().running_jobs:
        await asyncio.sleep(0.01)
    await drive(engine, PROMPT, "deny")
    events = await drive(engine, "next")
    assert "[Job 1 in the background is over" in next(e.note for e in events if isinstance(e, TurnStarted))


@pytest.mark.parametrize("word", ["the commit 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12", "sk-test", "password: none"])
async def test_ordinary_words_ask_nothing(commands: CommandWorld, word: str) -> None:
    engine = commands.start(answer("ok"))
    assert not questions(await drive(engine, word))


async def test_steering_is_masked_and_the_user_is_told(commands: CommandWorld) -> None:
    engine = commands.start(calls(bash("sleep 0.2")), answer("ok"), mode=PermissionMode.AUTO)
    turn = asyncio.create_task(drive(engine, "go"))
    while not engine._parts.commands.jobs():
        await asyncio.sleep(0.01)
    engine.steer(f"by the way {KEY}")
    events = await turn
    assert [event.text for event in events if isinstance(event, Steered)] == ["by the way [redacted]"]
    assert notices(events, NoticeLevel.WARNING)[0].startswith("Masked ")
    assert_nowhere(commands)
    assert_growing(commands.provider)


async def test_a_key_in_a_reason_is_masked(commands: CommandWorld) -> None:
    engine = commands.start(calls(bash("touch made")), answer("ok"))
    events = await drive(engine, "go", Answer(answer="deny", text=f"use {KEY}"))
    assert notices(events, NoticeLevel.WARNING)[0].startswith("Masked ")
    assert "Their reason: use [redacted]" in repr(commands.provider.requests)
    assert_nowhere(commands)


async def test_a_key_in_the_reason_against_a_plan_is_masked(commands: CommandWorld) -> None:
    engine = commands.start(answer("# Plan\nx"), answer("ok"), mode=PermissionMode.PLAN)
    await drive(engine, "go", Answer(answer="deny", text=f"use {KEY}"))
    assert said(commands)[-1].startswith("The plan is rejected: use [redacted]")
    assert_nowhere(commands)


async def test_what_the_user_writes_into_a_file_is_left_as_it_is(commands: CommandWorld) -> None:
    engine = commands.start(calls(patch("*** Add File: a.txt", "+x")), answer("ok"))
    review = FileReview(path="a.txt", text=f"{KEY}\n")
    await drive(engine, "go", Answer(answer="edited", reviews=(review,)))
    assert (commands.folder / "a.txt").read_text() == f"{KEY}\n"
