"""The demo server as a child process: started and ended from here, run there by `serving`."""

from __future__ import annotations

import asyncio
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from typing import IO

import msgspec

from dsterm.core.errors import ProviderError, UsageError


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """The line that the server prints when it listens: the base URL for clients, and its process id."""

    url: str
    pid: int


class DemoProcess:
    """A running demo server; it also ends by itself when this program does."""

    def __init__(self, process: Process, ready: Ready) -> None:
        self._process = process
        self.url = ready.url
        self.pid = ready.pid

    async def close(self) -> None:
        """End the server. It keeps nothing on disk, so it is not asked first."""
        await _end(self._process)


async def start_demo(command: Sequence[str], *, timeout: float = 20.0) -> DemoProcess:
    """Start `command`, which serves, and wait until it listens, at most `timeout` seconds.

    Raises UsageError with the server's own words when it refuses its arguments, ProviderError when it doesn't come up.
    """
    with tempfile.TemporaryFile() as errors:
        try:
            # A session of its own keeps it from the Ctrl-C that is meant for this program.
            process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, stderr=errors, start_new_session=True
            )
        except OSError as error:
            raise ProviderError(f"The demo server can't be started ({error.strerror}).") from error
        try:
            return DemoProcess(process, await _ready(process, errors, timeout))
        except BaseException:
            await _end(process)
            raise


async def _ready(process: Process, errors: IO[bytes], timeout: float) -> Ready:
    if process.stdout is None:
        raise ProviderError("The demo server has no output to read its address from.")
    try:
        line = await asyncio.wait_for(process.stdout.readline(), timeout)
        return msgspec.json.decode(line, type=Ready)
    except TimeoutError as error:
        raise ProviderError(f"The demo server did not come up within {timeout:g} seconds; try again.") from error
    except msgspec.DecodeError as error:
        code = await asyncio.wait_for(process.wait(), timeout)
        errors.seek(0)
        said = errors.read().decode(errors="replace").strip().splitlines()
        if code == UsageError.exit_code and said:
            raise UsageError(said[-1]) from error
        raise ProviderError(f"The demo server did not start: {said[-1] if said else f'exit code {code}'}") from error


async def _end(process: Process) -> None:
    if process.stdin:
        process.stdin.close()
    if process.returncode is None:
        process.kill()
    await process.wait()
