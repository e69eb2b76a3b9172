from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from job_world import KEY, World, none_left, nothing, processes_with

from dsterm.core.command_plan import Confinement
from dsterm.core.commands import Job, JobState
from dsterm.core.errors import UsageError, WorkspaceError


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    yield made
    await made.jobs.close()


async def test_output_and_errors_come_in_the_order_they_were_written(world):
    done = await world.run("echo one; echo two >&2; echo three; exit 3")
    assert done.text == "one\ntwo\nthree"
    assert (done.job.state, done.job.exit_code, done.job.lines, done.lack) == (JobState.ENDED, 3, 3, None)


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("-x; echo went on", "-x: command not found\nwent on"),
        ("--version", "--version: command not found"),
        ("echo \"$0\" '$HOME' a''b", "bash $HOME ab"),
        ("cat <<'END'\nx\nEND", "x"),
        ("echo ü; printf '\\xff'", "ü\n\ufffd"),
    ],
)
async def test_the_command_is_one_argument_whatever_it_holds(world, command, text):
    assert (await world.text(command)).replace("/usr/bin/", "").replace("/bin/", "").endswith(text)


async def test_a_command_killed_by_a_signal_has_the_code_a_shell_gives_it(world):
    assert (await world.run("kill -KILL $$")).job.exit_code == 137


async def test_there_is_no_terminal_no_input_and_a_session_of_its_own(world):
    text = await world.text(
        "cat; test -t 0 || test -t 1 || test -t 2 || echo none; exec 3<>/dev/tty; ps -o sid= -p $$; echo $$"
    )
    lines = text.splitlines()
    assert lines[0] == "none" and "/dev/tty" in lines[1]
    assert int(lines[-2]) == int(lines[-1]) != os.getsid(0)


async def test_dsterms_open_files_are_not_inherited(world, tmp_path):
    (tmp_path / "open").write_text("x")
    with (tmp_path / "open").open() as stream:
        os.set_inheritable(stream.fileno(), True)
        text = await world.text(
            "for fd in 3 4 5 6 7 8 9 10 11 12; do test -e /dev/fd/$fd && readlink /dev/fd/$fd; done; true"
        )
    assert "open" not in text and "socket" not in text


async def test_one_that_takes_too_long_is_ended_with_its_whole_group(world):
    started = time.monotonic()
    done = await world.run("sleep 3131 & sleep 3131 | sleep 3131; echo never", seconds=0.3)
    assert done.job.state is JobState.TIMED_OUT and done.job.exit_code is None
    assert time.monotonic() - started < 3
    assert await none_left("3131")


async def test_one_that_ignores_the_request_to_end_is_ended_by_force(world):
    started = time.monotonic()
    done = await world.run("trap '' TERM; while true; do sleep 0.05; done", seconds=0.2)
    assert done.job.state is JobState.TIMED_OUT
    assert 1 < time.monotonic() - started < 3


async def test_one_may_tidy_up_when_it_is_asked_to_end(world):
    await world.run("trap 'echo bye > tidied; exit 1' TERM; while true; do sleep 0.02; done", seconds=0.3)
    assert (world.root / "tidied").read_text() == "bye\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which processes left the group")
async def test_a_child_that_left_the_session_is_ended_by_its_mark(world):
    await world.run("setsid sleep 3132 & setsid bash -c 'setsid sleep 3132 & sleep 3132' & sleep 5", seconds=0.4)
    assert await none_left("3132")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which processes left the group")
async def test_nothing_survives_the_end_of_a_command(world):
    started = time.monotonic()
    done = await world.run("sleep 3133 & (setsid nohup sleep 3133 >/dev/null 2>&1 &) ; echo done")
    assert done.text == "done\n[what it left running was ended]"
    assert done.job.exit_code == 0 and time.monotonic() - started < 3
    assert await none_left("3133")


async def test_a_daemon_that_floods_the_pipe_holds_nobody_up(world):
    started = time.monotonic()
    done = await world.run("yes flood & echo first; exit 4")
    assert done.job.exit_code == 4 and time.monotonic() - started < 5


async def test_what_a_process_substitution_still_writes_is_waited_for(world):
    assert await world.text("echo late > >(sleep 0.1; cat)") == "late"


async def test_a_cancelled_wait_ends_the_command_at_once(world):
    waiting = asyncio.create_task(world.run("sleep 3134 & sleep 3134", seconds=None))
    while len(processes_with("3134")) < 2:
        await asyncio.sleep(0.01)
    started = time.monotonic()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert time.monotonic() - started < 1
    assert not processes_with("3134")
    assert world.jobs.jobs()[0].state is JobState.STOPPED


async def test_a_wait_that_is_cancelled_while_starting_leaves_nothing(world):
    for delay in (0, 0.001, 0.003, 0.006):
        waiting = asyncio.create_task(world.run("sleep 3135"))
        await asyncio.sleep(delay)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert await none_left("3135", 0.5)
    assert all(job.state is JobState.STOPPED for job in world.jobs.jobs())


async def test_a_second_cancellation_does_not_stop_the_stopping(world):
    waiting = asyncio.create_task(world.run("trap '' TERM; while true; do sleep 0.03136; done", seconds=None))
    await asyncio.sleep(0.2)
    waiting.cancel()
    await asyncio.sleep(0.1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (await world.until_over("1")).job.state is JobState.STOPPED


async def test_a_command_in_the_background_is_listed_read_and_stopped(world):
    told: list[Job] = []
    world.jobs.listen(told.append)
    job = await world.jobs.start(
        world.launch("echo begun; printf 'half a line'; sleep 3137", seconds=None, description="d")
    )
    assert (job.id, job.state, job.is_background, job.description) == ("1", JobState.RUNNING, True, "d")
    while "half" not in (await world.jobs.read("1")).text:
        await asyncio.sleep(0.01)
    assert (await world.jobs.read("1")).text == "begun\nhalf a line"
    assert (await world.jobs.read("1", 2)).text == "half a line"
    assert (await world.jobs.read("1", 3)).text == "[no line 3; there are 2 lines so far]"
    assert (await world.jobs.stop("1")).state is JobState.STOPPED
    assert (await world.jobs.stop("1")).state is JobState.STOPPED
    assert await none_left("3137")
    assert [job.state for job in told] == [JobState.RUNNING, JobState.STOPPED]
    with pytest.raises(UsageError, match="no job 7"):
        await world.jobs.read("7")


async def test_a_command_that_is_waited_for_can_go_to_the_background(world):
    told: list[Job] = []
    seen: list[str] = []
    world.jobs.listen(told.append)
    assert world.jobs.release() is None
    waiting = asyncio.create_task(world.run("echo a; sleep 0.6; echo b", seen.append, seconds=0.4))
    while not seen:
        await asyncio.sleep(0.01)
    released = world.jobs.release()
    assert released is not None and released.is_background
    out = await waiting
    assert (out.job.state, out.text) == (JobState.RUNNING, "a")
    over = await world.until_over(out.job.id)
    assert (over.job.state, over.job.exit_code, over.text) == (JobState.ENDED, 0, "a\nb"), "no limit in the background"
    assert [job.state for job in told] == [JobState.RUNNING, JobState.ENDED]
    assert seen == ["a\n"], "nobody looks at it any more"


async def test_one_that_is_just_ending_can_be_sent_to_the_background(world):
    waiting = asyncio.create_task(world.run("sleep 3150 & echo x"))
    await asyncio.sleep(0.15)
    assert world.jobs.release() is not None, "its shell is over, its output is still held open"
    out = await waiting
    assert (await world.until_over(out.job.id)).text == "x\n[what it left running was ended]"


async def test_a_limit_in_the_background_holds_where_it_was_asked_for(world):
    job = await world.jobs.start(world.launch("sleep 3138", seconds=0.2))
    assert (await world.until_over(job.id)).job.state is JobState.TIMED_OUT


async def test_closing_ends_everything_at_the_same_time(tmp_path):
    world = World(tmp_path)
    for _ in range(5):
        await world.jobs.start(world.launch("trap '' TERM; while true; do sleep 0.03139; done", seconds=None))
    waiting = asyncio.create_task(world.run("sleep 3139", seconds=None))
    await asyncio.sleep(0.2)
    started = time.monotonic()
    await world.jobs.close()
    assert time.monotonic() - started < 4
    assert (await waiting).job.state is JobState.STOPPED
    assert await none_left("3139") and await none_left("0.03139")
    with pytest.raises(WorkspaceError, match="dsterm is ending"):
        await world.run("true")


async def test_only_a_survivor_of_the_users_goes_on(tmp_path):
    world = World(tmp_path)
    job = await world.jobs.start(
        world.launch("echo started; sleep 0.2; sleep 3140; true", seconds=None, is_of_user=True, survives=True)
    )
    assert job.survives
    while "started" not in (await world.jobs.read(job.id)).text:
        await asyncio.sleep(0.02)
    await world.jobs.close()
    await asyncio.sleep(0.3)
    left = processes_with("3140")
    assert left and Path(job.log).read_text() == "started\n"
    for process in left:
        os.kill(process, signal.SIGKILL)


async def test_a_survivor_whose_shell_is_over_is_released_and_can_be_stopped(world):
    out = await world.run("sleep 3141 & echo on its way", seconds=None, is_of_user=True, survives=True)
    assert (out.job.state, out.text) == (JobState.RUNNING, "on its way")
    assert (await world.jobs.stop(out.job.id)).state is JobState.STOPPED
    assert await none_left("3141")


async def test_a_killed_dsterm_takes_its_commands_along(tmp_path):
    driver = textwrap.dedent(
        f"""
        import asyncio, sys
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from job_world import World, nothing
        async def main():
            world = World(Path({str(tmp_path)!r}))
            await world.jobs.start(world.launch("sleep 3142 & setsid sleep 3142 & sleep 3142", seconds=None))
            print("ready", flush=True)
            await world.run("sleep 3142", nothing, seconds=None)
        asyncio.run(main())
        """
    )
    with subprocess.Popen([sys.executable, "-c", driver], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        while len(processes_with("3142")) < 4:
            await asyncio.sleep(0.02)
        process.kill()
    assert await none_left("3142")


async def test_the_full_log_is_on_disk_for_the_user_alone(world):
    done = await world.run(f"seq 30000; echo {KEY}")
    log = Path(done.job.log)
    assert done.is_cut and len(done.text) < 32_000
    assert log.read_text().splitlines() == [*map(str, range(1, 30001)), "[redacted]"]
    assert stat.S_IMODE(log.stat().st_mode) == 0o600 and stat.S_IMODE(world.logs.stat().st_mode) == 0o700
    assert KEY not in done.text
    middle = await world.jobs.read(done.job.id, 15000)
    assert middle.text.startswith("15000\n15001\n") and middle.text.endswith("more, go on at line 17000]")


async def test_without_a_folder_nothing_is_written_to_disk(tmp_path):
    world = World(tmp_path, has_logs=False)
    done = await world.run("seq 3000")
    assert done.job.log == "" and not world.logs.exists()
    assert (await world.jobs.read(done.job.id, 2999)).text == "2999\n3000"
    await world.jobs.close()


async def test_a_log_that_cannot_be_made_is_said(tmp_path):
    world = World(tmp_path)
    world.logs.write_text("a file")
    done = await world.run("seq 30000")
    assert done.job.exit_code == 0 and "[no log on disk: " in done.text
    await world.jobs.close()


async def test_endless_output_leaves_the_event_loop_free(world):
    lags: list[float] = []

    async def beat() -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.005)
            lags.append(time.monotonic() - before)

    seen: list[str] = []
    beating = asyncio.create_task(beat())
    done = await world.run("yes | head -c 150000000; echo the end", seen.append)
    beating.cancel()
    assert done.job.lines == 75_000_001 and "\ny\nthe end\n[only" in done.text
    assert "lines left out here]" in done.text and "[only the first 50 MB of the output are kept]" in done.text
    assert Path(done.job.log).stat().st_size <= 50_000_000
    assert sum(map(len, seen)) < 500_000 and seen[-1].endswith("the end\n")
    assert sorted(lags)[len(lags) * 99 // 100] < 0.1


async def test_without_a_sandbox_nothing_runs_as_if_there_were_one(world):
    assert world.jobs.sandbox.name == ""
    for confinement in (Confinement.SANDBOX, Confinement.NETWORK):
        with pytest.raises(WorkspaceError, match="switched off for the test"):
            await world.run("touch ran", confinement=confinement)
    assert not (world.root / "ran").exists()


async def test_a_folder_that_is_gone_is_said(world):
    with pytest.raises(WorkspaceError, match="could not be started: No such file"):
        await world.run("true", folder=world.root / "gone")
    with pytest.raises(WorkspaceError, match="could not be started: Argument list too long"):
        await world.run("x" * 200_000)
    assert world.jobs.jobs() == () and list(world.logs.iterdir()) == []


async def test_there_is_an_end_to_how_many_run(world):
    await asyncio.gather(*(world.jobs.start(world.launch("sleep 3143", seconds=None)) for _ in range(40)))
    with pytest.raises(WorkspaceError, match="40 commands run already"):
        await world.run("true", nothing)
