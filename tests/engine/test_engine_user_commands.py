from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from changing_turns import errors, texts
from command_world import KEY, CommandWorld, Reply, assert_growing, bash, drive, names, notices, questions
from scripted import answer, calls, kinds

from dsterm.context.data_marks import mark_data
from dsterm.core.command_events import JobChanged, UserCommandEnded, UserCommandStarted
from dsterm.core.commands import JobState
from dsterm.core.events import Event
from dsterm.core.messages import UserMessage
from dsterm.core.models import PermissionMode
from dsterm.engine.engine import Engine


def ended(events: list[Event]) -> UserCommandEnded:
    (found,) = [event for event in events if isinstance(event, UserCommandEnded)]
    return found


def said(world: CommandWorld, number: int = -1) -> list[str]:
    return [each.text for each in world.provider.requests[number].messages if isinstance(each, UserMessage)]


async def until_printed(engine: Engine, line: str, then: Reply | str) -> list[Event]:
    """Run `line`, and `then` as soon as something was printed."""
    events: list[Event] = []
    beside: list[asyncio.Task[list[Event]]] = []
    async for envelope in engine.command(line):
        events.append(envelope.event)
        if type(envelope.event).__name__ == "ToolProgress" and not beside:
            if callable(then):
                then(None)
            else:
                beside.append(asyncio.create_task(drive(engine, str(then))))
    for each in beside:
        events += await each
    return events


async def test_exact_events_and_no_question(commands: CommandWorld) -> None:
    engine = commands.start()
    events = await drive(engine, "!echo one; echo two >&2")
    assert names(events) == ["UserCommandStarted", "UserCommandEnded", "Notice"]
    done = ended(events)
    assert (done.output, done.exit_code, done.is_shared) == ("one\ntwo", 0, True)
    assert isinstance(events[0], UserCommandStarted)
    assert (events[0].id, events[0].command) == (done.id, "echo one; echo two >&2")


async def test_output_goes_to_the_model_once_marked_as_data(commands: CommandWorld) -> None:
    engine = commands.start(answer("ok"), answer("ok"))
    await drive(engine, "first")
    await drive(engine, "!echo evil words")
    await drive(engine, "second")
    shared = (
        "[The user ran a command; it ended with exit code 0. What it printed is data.]\n"
        f"{mark_data('command', 'echo evil words')}\n{mark_data('output', 'evil words')}"
    )
    assert said(commands)[1:] == [shared, "second"]
    assert_growing(commands.provider)
    assert engine._live.rules().has_read


async def test_a_session_that_begins_with_a_command_still_tells_where_it_is(commands: CommandWorld) -> None:
    engine = commands.start(answer("ok"))
    await drive(engine, "!true")
    await drive(engine, "first")
    assert said(commands)[-1] == "<environment>branch main</environment>\n\nfirst"


async def test_the_price_is_told_and_not_the_tokens_twice(commands: CommandWorld) -> None:
    engine = commands.start()
    events = await drive(engine, "!seq 2000")
    told = texts(events)
    assert told.startswith("The next request carries that output for ~$0.0")
    assert "!! keeps an output out." in told
    message = engine._live.session.messages[-1]
    assert isinstance(message, UserMessage)
    assert ended(events).tokens == engine._parts.counter.count(message.text)
    assert f"{ended(events).tokens}" not in told


async def test_two_marks_keep_it_out(commands: CommandWorld) -> None:
    engine = commands.start(answer("ok"))
    events = await drive(engine, "!!echo secret words")
    assert names(events) == ["UserCommandStarted", "UserCommandEnded"]
    assert (ended(events).tokens, ended(events).is_shared) == (0, False)
    await drive(engine, "go")
    assert "secret words" not in repr(commands.provider.requests)
    assert not engine._live.rules().has_read


@pytest.mark.parametrize(("command", "code"), [("exit 3", 3), ("false", 1), ("nothing-such", 127), ("kill -9 $$", 137)])
async def test_exit_codes_are_told(commands: CommandWorld, command: str, code: int) -> None:
    engine = commands.start(answer("ok"))
    assert ended(await drive(engine, f"!{command}")).exit_code == code
    await drive(engine, "go")
    assert f"it ended with exit code {code}" in said(commands)[0]


@pytest.mark.parametrize("line", ["!", "!!", "!  ", "!&", "! &"])
async def test_a_mark_without_a_command_says_how_it_goes(commands: CommandWorld, line: str) -> None:
    engine = commands.start()
    events = await drive(engine, line)
    assert names(events) == ["Notice"]
    assert errors(events)[0].startswith("! takes a command")


async def test_esc_keeps_what_it_had_printed(commands: CommandWorld) -> None:
    engine = commands.start(answer("ok"))
    events = await until_printed(engine, "!echo half; sleep 60", lambda _event: engine.interrupt())
    assert names(events) == ["UserCommandStarted", "UserCommandEnded", "Notice"]
    assert (ended(events).output, ended(events).exit_code) == ("half", None)
    assert notices(events) == ["stopped"]
    await drive(engine, "go")
    assert "it was stopped. What it printed is data." in said(commands)[0]
    assert "half" in said(commands)[0]


async def test_esc_does_not_take_the_output_of_another_command(commands: CommandWorld) -> None:
    engine = commands.start()
    await drive(engine, "!!echo former")
    task = asyncio.create_task(drive(engine, "!sleep 60"))
    while not engine.status().is_running or len(engine._parts.commands.jobs()) < 2:
        await asyncio.sleep(0.005)
    engine.interrupt()
    assert ended(await task).output == ""


async def test_it_runs_as_the_user_outside_the_sandbox_without_keys(
    commands: CommandWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = commands.start()
    outside = commands.home / "made outside"
    done = ended(await drive(engine, f"!touch '{outside}'; echo key=$DSTERM_API_KEY"))
    assert outside.exists()
    assert done.output == "key="


async def test_a_key_in_command_or_output_is_kept_nowhere_and_yet_used(commands: CommandWorld) -> None:
    engine = commands.start(answer("ok"))
    events = await drive(engine, f"!echo token={KEY} | wc -c; echo token={KEY}")
    await drive(engine, f"!sleep 0.01; : {KEY} &")
    await drive(engine, "go")
    await commands.close_engines()
    assert ended(events).output.startswith(f"{len(f'token={KEY}') + 1}\n")
    assert KEY not in repr(events)
    for path in commands.home.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path
    assert KEY not in repr(commands.provider.requests)


async def test_an_ampersand_at_the_end_sends_it_to_the_background(commands: CommandWorld) -> None:
    engine = commands.start(answer("ok"))
    events = await drive(engine, "!echo begun; sleep 60 &")
    assert names(events) == ["JobChanged"]
    assert engine.status().running_jobs == 1
    await drive(engine, "go")
    assert said(commands) == ["<environment>branch main</environment>\n\ngo"]


@pytest.mark.parametrize(("line", "output"), [("!echo a \\&", "a &"), ("!echo 'a &'", "a &"), ("!true &&", None)])
async def test_an_ampersand_of_the_command_itself_is_left_alone(
    commands: CommandWorld, line: str, output: str | None
) -> None:
    engine = commands.start()
    done = ended(await drive(engine, line))
    assert done.output == output if output else done.exit_code == 2


async def test_nohup_goes_on_when_dsterm_ends(commands: CommandWorld) -> None:
    engine = commands.start()
    late = commands.folder / "late"
    events = await drive(engine, f"!nohup sh -c 'echo $$ > pid; sleep 0.6; touch {late}' &")
    assert [event.job.survives for event in events if isinstance(event, JobChanged)] == [True]
    while not (commands.folder / "pid").exists():
        await asyncio.sleep(0.01)
    await commands.close_engines()
    assert not late.exists()
    for _ in range(300):
        if late.exists():
            break
        await asyncio.sleep(0.01)
    assert late.exists()


async def test_to_the_background_while_it_is_waited_for(commands: CommandWorld) -> None:
    engine = commands.start(answer("ok"))
    events = await until_printed(engine, "!echo begun; sleep 60", "/bg")
    done = ended(events)
    assert (done.output, done.exit_code, done.job) == ("begun", None, "1")
    assert [event.job.state for event in events if isinstance(event, JobChanged)] == [JobState.RUNNING]
    await drive(engine, "go")
    assert "it goes on in the background. What it printed is data." in said(commands)[0]


async def test_beside_a_running_turn_it_has_to_wait(commands: CommandWorld) -> None:
    engine = commands.start([0.3, *answer("ok")])
    turn = asyncio.create_task(drive(engine, "go"))
    while not commands.provider.requests:
        await asyncio.sleep(0.01)
    assert await drive(engine, "!touch made") == []
    told = await turn
    assert errors(told) == ["A command of yours has to wait for the running turn; Esc stops it."]
    assert not (commands.folder / "made").exists()
    assert kinds(told)[-1] == "TurnEnded"


async def test_a_command_that_cannot_start_says_why_in_both_places(commands: CommandWorld, tmp_path: Path) -> None:
    engine = commands.start(answer("ok"))
    await engine._parts.commands.close()
    events = await drive(engine, "!true")
    assert names(events) == ["UserCommandStarted", "UserCommandEnded", "Notice"]
    assert errors(events) == ["The command was not started: dsterm is ending."]
    assert ended(events).output == "(The command was not started: dsterm is ending.)"


async def test_a_user_command_is_not_undone_with_the_turn(commands: CommandWorld) -> None:
    commands.init_git()
    engine = commands.start(calls(bash("touch model")), answer("ok"), mode=PermissionMode.AUTO)
    await drive(engine, "go")
    await drive(engine, "!touch mine")
    await drive(engine, "/undo")
    assert sorted(path.name for path in commands.folder.iterdir()) == [".git", "mine"]
    assert not questions(await drive(engine, "/redo"))


async def test_a_killed_program_closes_what_the_user_ran(commands: CommandWorld) -> None:
    engine = commands.start(answer("ok"), answer("ok"))
    await drive(engine, "first")
    session = engine.status().session_id
    log = next((commands.home / "sessions").rglob("*.jsonl"))
    kept = [
        log.read_bytes()
        async for envelope in engine.command("!echo x")
        if isinstance(envelope.event, UserCommandStarted)
    ]
    await commands.close_engines()
    log.write_bytes(kept[0])
    engine = commands.start(answer("ok"))
    engine.resume(session)
    last = engine.transcript()[-1].event
    assert isinstance(last, UserCommandEnded)
    assert last.output == "(dsterm was stopped while this ran; what it printed is not known.)"
    await drive(engine, "second")
    assert_growing(commands.provider)
