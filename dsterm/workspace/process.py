"""Run a program to its end: no terminal, a session of its own, a time limit, capped output.

Whatever ends the wait early (time, output, cancellation) ends the whole process group.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path

import msgspec

from dsterm.core.errors import WorkspaceError
from dsterm.core.workspace import Completed

_CHUNK = 1 << 18
_STDERR_CAP = 64 * 1024
_GRACE = 1.0


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """What to run: an absolute `program`, `timeout` in seconds, `cap` in bytes of standard output, bytes for its `stdin`."""

    program: Path
    arguments: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]
    timeout: float
    cap: int
    stdin: bytes = b""


async def run_program(launch: Launch, on_stderr: Callable[[bytes], None] | None = None) -> Completed:
    """Run it and wait; output beyond the cap ends it with `is_cut`. WorkspaceError when it can't start or takes too long."""
    process = await _start(launch)
    try:
        async with asyncio.timeout(launch.timeout):
            stdout, stderr, _ = await asyncio.gather(
                _collect(process, process.stdout, launch.cap),
                _collect_stderr(process.stderr, on_stderr),
                _feed(process.stdin, launch.stdin),
            )
            exit_code = await process.wait()
    except TimeoutError:
        await _stop(process)
        raise WorkspaceError(
            f"{launch.program.name} took longer than {launch.timeout:g} seconds and was stopped. Ask for less at once."
        ) from None
    except BaseException:
        await _stop(process)
        raise
    return Completed(exit_code=exit_code, stdout=stdout[: launch.cap], stderr=stderr, is_cut=len(stdout) > launch.cap)


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


async def _start(launch: Launch) -> asyncio.subprocess.Process:
    if not launch.program.is_absolute():
        raise WorkspaceError(f"{launch.program} has no absolute path, so it is not run.")
    try:
        return await started(
            asyncio.create_subprocess_exec(
                str(launch.program),
                *launch.arguments,
                stdin=asyncio.subprocess.PIPE if launch.stdin else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd=launch.folder,
                env=dict(launch.environment),
                start_new_session=True,
                limit=_CHUNK,
            )
        )
    except (OSError, ValueError) as error:
        raise WorkspaceError(f"{launch.program.name} could not be started: {error}. Check its arguments.") from error


async def _collect(process: asyncio.subprocess.Process, stream: asyncio.StreamReader | None, cap: int) -> bytes:
    """Everything up to a little over `cap`; then the program is ended and the rest thrown away."""
    output = bytearray()
    while stream and (chunk := await stream.read(_CHUNK)):
        if len(output) > cap:
            continue
        output += chunk
        if len(output) > cap:
            _signal(process, signal.SIGKILL)
    return bytes(output)


async def _collect_stderr(stream: asyncio.StreamReader | None, listener: Callable[[bytes], None] | None) -> bytes:
    output = bytearray()
    while stream and (chunk := await stream.read(_CHUNK)):
        output += chunk[: max(0, _STDERR_CAP - len(output))]
        if listener:
            listener(chunk)
    return bytes(output)


async def _feed(stream: asyncio.StreamWriter | None, data: bytes) -> None:
    if stream is None:
        return
    # A program that needs no more input closes its end; what it did read still counts.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        stream.write(data)
        await stream.drain()
    stream.close()


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
