"""Run a program to its end: no terminal, a session of its own, a time limit, capped output.

Whatever ends the wait early (time, output, cancellation) ends the whole process group.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from dsterm.core.errors import WorkspaceError
from dsterm.core.workspace import Completed
from dsterm.workspace.program_run import Launch, ProgramRun

__all__ = ["Launch", "run_program", "started"]

_CHUNK = 1 << 18
_GRACE = 1.0
_THREADS = ThreadPoolExecutor(max_workers=64, thread_name_prefix="program")
"""Threads of their own: programs wait for the network or a large disk, and nothing else should wait for them."""


async def run_program(launch: Launch, on_stderr: Callable[[bytes], None] | None = None) -> Completed:
    """Run it and wait; output beyond the cap ends it with `is_cut`. WorkspaceError when it can't start or takes too long."""
    if not launch.program.is_absolute():
        raise WorkspaceError(f"{launch.program} has no absolute path, so it is not run.")
    loop = asyncio.get_running_loop()
    run = ProgramRun(launch, None if on_stderr is None else partial(_tell, loop, on_stderr))
    running = loop.run_in_executor(_THREADS, run.run)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        run.stop()
        await asyncio.wait([running])
        running.exception()  # What it says of having been stopped is asked for by nobody else.
        raise


def _tell(loop: asyncio.AbstractEventLoop, listener: Callable[[bytes], None], chunk: bytes) -> None:
    loop.call_soon_threadsafe(listener, chunk)


async def started(starting: Coroutine[object, object, asyncio.subprocess.Process]) -> asyncio.subprocess.Process:
    """The process that `starting` makes, the leader of a group of its own; where that is cancelled, the group is ended.

    A start takes a few turns of the event loop. Cancelled within them, asyncio would look after the process itself while its
    watcher waits for the same one: whichever comes second finds no process and complains on standard error.
    """
    start = asyncio.create_task(starting)
    try:
        return await asyncio.shield(start)
    except asyncio.CancelledError:
        ending = asyncio.create_task(_end_started(start))
        await asyncio.shield(ending)
        raise


async def _end_started(start: asyncio.Task[asyncio.subprocess.Process]) -> None:
    await asyncio.wait([start])
    if start.exception() is None:
        await _stop(start.result())


async def _stop(process: asyncio.subprocess.Process) -> None:
    """End the group: first a request, so that it can tidy up, then by force."""
    _signal(process, signal.SIGTERM)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_GRACE):
            await process.wait()
    _signal(process, signal.SIGKILL)
    await process.wait()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_GRACE):
            await asyncio.gather(*(_drain(stream) for stream in (process.stdout, process.stderr)))


async def _drain(stream: asyncio.StreamReader | None) -> None:
    while stream and await stream.read(_CHUNK):
        pass


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """The program leads its own group, so its id is the group's; a group that is gone needs nothing."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
