from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from changing_turns import errors, texts
from command_world import CommandWorld, assert_growing, bash, drive, names, result
from scripted import answer, call, calls, kinds

from dsterm.core.command_events import JobChanged
from dsterm.core.commands import JobState
from dsterm.core.events import Envelope, Event, TurnStarted
from dsterm.core.messages import ToolMessage
from dsterm.core.models import PermissionMode
from dsterm.engine.engine import Engine

AUTO = PermissionMode.AUTO


def states(events: list[Event]) -> list[tuple[str, JobState]]:
    return [(event.job.id, event.job.state) for event in events if isinstance(event, JobChanged)]


def note(events: list[Event]) -> str:
    return next(event.note for event in events if isinstance(event, TurnStarted))


async def until_over(engine: Engine) -> None:
    while engine.status().running_jobs:
        await asyncio.sleep(0.01)


async def until_there(path: Path) -> None:
    while not path.exists():
        await asyncio.sleep(0.01)


async def test_the_model_starts_a_job_and_hears_of_its_end_in_the_next_turn(commands: CommandWorld) -> None:
    script = calls(bash("sleep 0.1; exit 3", run_in_background=True))
    engine = commands.start(script, answer("started"), answer("ok"), answer("ok"), mode=AUTO)
    heard: list[Envelope] = []
    engine.listen(heard.append)
    events = await drive(engine, "go")
    assert states(events) == [("1", JobState.RUNNING)]
    assert "runs in the background as job 1" in result(events).content
    await until_over(engine)
    assert states([each.event for each in heard]) == [("1", JobState.ENDED)]
    assert note(await drive(engine, "next")) == (
        '[Job 1 in the background is over: exit code 3. job(id="1", action="read") shows its output.]'
    )
    assert note(await drive(engine, "and next")) == ""
    assert_growing(commands.provider)


async def test_the_model_lists_reads_and_stops_its_jobs_and_not_the_users(commands: CommandWorld) -> None:
    engine = commands.start(
        calls(bash("echo output; sleep 60", run_in_background=True)),
        answer("ok"),
        calls(
            call("job", {"action": "list"}, "c1"),
            call("job", {"action": "read", "id": "1"}, "c2", 1),
            call("job", {"action": "read", "id": "2"}, "c3", 2),
            call("job", {"action": "stop", "id": "1"}, "c4", 3),
        ),
        answer("ok"),
        mode=AUTO,
    )
    await drive(engine, "go")
    await drive(engine, "!echo for nobody else; sleep 60 &")
    await until_printed(engine, "1")
    await drive(engine, "look")
    told = {m.call_id: m.content for m in commands.provider.requests[-1].messages if isinstance(m, ToolMessage)}
    assert told["c1"].startswith("1\trunning for")
    assert "for nobody else" not in repr(commands.provider.requests)
    assert told["c2"].startswith("output\n")
    assert told["c3"].startswith("There is no job 2.")
    assert told["c4"] == "Job 1 is over: stopped."
    assert_growing(commands.provider)


async def until_printed(engine: Engine, job_id: str) -> None:
    while not next(job.lines for job in engine._parts.commands.jobs() if job.id == job_id):
        await asyncio.sleep(0.01)


async def test_jobs_lists_shows_and_stops(commands: CommandWorld) -> None:
    script = calls(
        bash("echo shown; sleep 60", run_in_background=True), bash("sleep 60", "b", 1, run_in_background=True)
    )
    engine = commands.start(script, answer("ok"), mode=AUTO)
    assert texts(await drive(engine, "/jobs")) == "No command ran in this session."
    await drive(engine, "go")
    await drive(engine, "!sleep 60 &")
    await until_printed(engine, "1")
    listed = texts(await drive(engine, "/jobs")).splitlines()
    assert listed[0].startswith("3 commands in this session, 3 running.")
    assert [(line[0], line.split()[1]) for line in listed[1:]] == [("●", "1"), ("●", "2"), ("●", "3")]
    assert listed[1].endswith("  echo shown; sleep 60")
    assert listed[3].endswith("  !sleep 60")
    assert "shown" in texts(await drive(engine, "/jobs 1"))
    assert "stopped" in texts(await drive(engine, "/jobs stop 1"))
    assert texts(await drive(engine, "/jobs stop all")) == "Stopped 2 jobs."
    assert texts(await drive(engine, "/jobs stop all")) == "Nothing runs."
    assert engine.status().running_jobs == 0


async def test_stopping_all_counts_one_job_in_the_singular(commands: CommandWorld) -> None:
    engine = commands.start()
    await drive(engine, "!sleep 60 &")
    assert texts(await drive(engine, "/jobs stop all")) == "Stopped 1 job."


@pytest.mark.parametrize("line", ["/jobs 9", "/jobs stop 9", "/jobs stop", "/jobs stop 1 2", "/jobs x y", "/bg"])
async def test_jobs_that_are_not_there_are_an_error(commands: CommandWorld, line: str) -> None:
    engine = commands.start()
    events = await drive(engine, line)
    assert names(events) == ["Notice"]
    assert errors(events)


async def test_bg_lets_the_turn_go_on_beside_its_command(commands: CommandWorld) -> None:
    engine = commands.start(calls(bash("touch begun; sleep 60")), answer("ok"), mode=AUTO)
    turn = asyncio.create_task(drive(engine, "go"))
    await until_there(commands.folder / "begun")
    assert await drive(engine, "/bg") == []
    events = await turn
    assert result(events).content.endswith(
        '[runs in the background as job 1; job(id="1", action="read") shows its output, action="stop" ends it]'
    )
    assert states(events) == [("1", JobState.RUNNING)]
    assert kinds(events)[-1] == "TurnEnded"
    assert engine.status().running_jobs == 1
    assert_growing(commands.provider)


async def test_a_job_that_ends_within_the_turn_is_told_with_the_next_prompt(commands: CommandWorld) -> None:
    script = calls(bash("true", run_in_background=True), bash("sleep 0.3", "b", 1))
    engine = commands.start(script, answer("ok"), answer("ok"), mode=AUTO)
    events = await drive(engine, "go")
    assert states(events) == [("1", JobState.RUNNING), ("1", JobState.ENDED)]
    assert note(await drive(engine, "next")).count("Job 1") == 1
    assert_growing(commands.provider)


async def test_closing_the_engine_ends_every_job(commands: CommandWorld) -> None:
    command = "echo $$ > pid; sleep 60 & wait"
    engine = commands.start(calls(bash(command, run_in_background=True)), answer("ok"), mode=AUTO)
    await drive(engine, "go")
    await drive(engine, "!echo $$ > mine; sleep 60 & wait &")
    await until_there(commands.folder / "mine")
    mine = int((commands.folder / "mine").read_text())
    session = engine.status().session_id
    await commands.close_engines()
    with pytest.raises(ProcessLookupError):
        os.kill(mine, 0)
    engine = commands.start(answer("ok"))
    engine.resume(session)
    ends = states([envelope.event for envelope in engine.transcript()])
    assert sorted(ends) == [
        ("1", JobState.RUNNING),
        ("1", JobState.STOPPED),
        ("2", JobState.RUNNING),
        ("2", JobState.STOPPED),
    ]
    assert engine.status().running_jobs == 0


async def test_a_new_session_keeps_jobs_and_its_model_hears_nothing_of_them(commands: CommandWorld) -> None:
    script = calls(bash("until [ -e go ]; do sleep 0.02; done", run_in_background=True))
    engine = commands.start(script, answer("ok"), answer("ok"), mode=AUTO)
    heard: list[Envelope] = []
    engine.listen(heard.append)
    await drive(engine, "go")
    await drive(engine, "/new")
    assert engine.status().running_jobs == 1
    (commands.folder / "go").touch()
    await until_over(engine)
    assert states([each.event for each in heard]) == [("1", JobState.ENDED)]
    assert note(await drive(engine, "hello")) == "<environment>branch main</environment>"


async def test_a_resumed_session_keeps_jobs_and_listeners(commands: CommandWorld) -> None:
    engine = commands.start(answer("ok"), answer("ok"))
    heard: list[Envelope] = []
    engine.listen(heard.append)
    await drive(engine, "one")
    first = engine.status().session_id
    await drive(engine, "/new")
    await drive(engine, "two")
    await drive(engine, "!until [ -e go ]; do sleep 0.02; done &")
    await drive(engine, f"/resume {first}")
    assert engine.status().running_jobs == 1
    (commands.folder / "go").touch()
    await until_over(engine)
    assert states([each.event for each in heard]) == [("1", JobState.ENDED)]


async def test_nothing_is_lost_between_the_end_of_a_turn_and_idleness(commands: CommandWorld) -> None:
    engine = commands.start(answer("ok"))
    heard: list[Envelope] = []
    engine.listen(heard.append)
    seen: list[Envelope] = []
    async for envelope in engine.run("go"):
        seen.append(envelope)
        if type(envelope.event).__name__ == "TurnEnded":
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            engine._live.notice("late")
    shown = [each.seq for each in (*seen, *heard) if each.id]
    assert shown == [envelope.seq for envelope in engine.transcript()]


async def test_stopping_from_outside_while_the_model_waits_is_told_to_it(commands: CommandWorld) -> None:
    engine = commands.start(calls(bash("touch begun; sleep 60")), answer("ok"), mode=AUTO)
    turn = asyncio.create_task(drive(engine, "go"))
    await until_there(commands.folder / "begun")
    await drive(engine, "/jobs stop 1")
    events = await turn
    assert result(events).content.endswith("[the user stopped it]")
    assert kinds(events)[-1] == "TurnEnded"
    assert_growing(commands.provider)
