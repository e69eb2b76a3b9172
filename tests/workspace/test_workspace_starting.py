from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from pathlib import Path

import msgspec
import pytest

from dsterm.core.errors import WorkspaceError
from dsterm.workspace.process import Launch, run_program

TRIES = 100


def launch(folder: Path) -> Launch:
    true = next(place for place in map(Path, ("/bin/true", "/usr/bin/true")) if place.exists())
    return Launch(program=true, arguments=(), folder=folder, environment={}, timeout=5, cap=100)


async def test_a_program_that_is_stopped_while_it_starts_is_waited_for_by_one_alone(tmp_path, caplog):
    caplog.set_level(logging.WARNING, logger="asyncio")
    for number in range(TRIES):
        running = asyncio.create_task(run_program(launch(tmp_path)))
        # The start takes several turns of the loop, and the program may end in any of them.
        await asyncio.sleep(0)
        until = time.perf_counter() + 0.002 * number / TRIES
        while time.perf_counter() < until:
            pass
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled()
    assert [record.getMessage() for record in caplog.records] == []


def shell(folder: Path, words: str, **changes: object) -> Launch:
    whole = Launch(
        program=Path("/bin/sh"),
        arguments=("-c", words),
        folder=folder,
        environment={"PATH": "/usr/bin:/bin"},
        timeout=5,
        cap=5_000_000,
    )
    return msgspec.structs.replace(whole, **changes)


async def test_what_is_told_and_said_passes_through_at_the_same_time(tmp_path):
    data = bytes(range(256)) * 8_000
    done = await run_program(shell(tmp_path, "cat", stdin=data))
    assert done.stdout == data and done.exit_code == 0


async def test_a_program_that_does_not_listen_is_not_waited_for(tmp_path):
    done = await run_program(shell(tmp_path, "exec <&-; echo done", stdin=b"x" * 1_000_000))
    assert done.stdout == b"done\n"


async def test_complaints_are_told_in_the_thread_of_the_loop_before_the_end(tmp_path):
    told: list[tuple[bytes, int]] = []
    words = "echo first >&2; echo second >&2; exit 3"
    done = await run_program(shell(tmp_path, words), lambda chunk: told.append((chunk, threading.get_ident())))
    assert done.exit_code == 3 and done.stderr == b"first\nsecond\n"
    assert b"".join(chunk for chunk, _ in told) == done.stderr
    assert {thread for _, thread in told} == {threading.get_ident()}


async def test_a_program_that_says_no_more_is_waited_for_and_stopped(tmp_path):
    silent = "exec >&- 2>&-; sleep {}; exit 4"
    assert (await run_program(shell(tmp_path, silent.format("0.2")))).exit_code == 4
    with pytest.raises(WorkspaceError, match=r"longer than 0\.2 seconds"):
        await run_program(shell(tmp_path, silent.format("30"), timeout=0.2))
    running = asyncio.create_task(run_program(shell(tmp_path, silent.format("30"), timeout=30)))
    await asyncio.sleep(0.2)
    running.cancel()
    await asyncio.wait([running], timeout=5)
    assert running.cancelled()


async def test_a_program_that_ignores_the_request_is_ended_by_force(tmp_path):
    pid_file = tmp_path / "pid"
    words = f"trap '' TERM; echo $$ > {pid_file}; while :; do sleep 0.1; done"
    running = asyncio.create_task(run_program(shell(tmp_path, words, timeout=30)))
    while not pid_file.exists() or not pid_file.read_text():
        await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait([running], timeout=8)
    assert running.cancelled()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


async def test_no_pipe_stays_open(tmp_path):
    async def several() -> None:
        for words in ("true", "echo said; echo complained >&2", "exit 1"):
            await run_program(shell(tmp_path, words, stdin=b"told"))
        with pytest.raises(WorkspaceError, match="could not be started"):
            await run_program(shell(tmp_path, "true", program=tmp_path / "missing"))

    await several()
    before = len([*Path("/dev/fd").iterdir()])
    await several()
    assert len([*Path("/dev/fd").iterdir()]) == before
