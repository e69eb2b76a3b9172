"""One command as a process: a session and group of its own, no terminal, no input, output and errors in one pipe.

Both streams share the pipe because their order is what tells which step failed. However it ends, its whole group ends
with it, and on Linux also what left the group but kept the job's mark.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dsterm.core.errors import WorkspaceError
from dsterm.workspace.commands.death_watch import DeathWatch
from dsterm.workspace.commands.pipe_reader import PipeReader
from dsterm.workspace.commands.process_sweep import is_group_alive, is_job_alive, living_processes, signal_group, sweep
from dsterm.workspace.process import started

_GRACE = 1.0
_POLL = 0.02
_LOOKS = 4
_SILENCE = 0.25
_MOST_DRAINING = 2.0


@dataclass(frozen=True)
class ProcessStart:
    """What to start: an absolute program first, the folder to start in, the environment, the job's mark (`NAME=value`).

    `roams`: it runs outside a sandbox, so what it leaves behind has to be looked for.
    """

    arguments: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]
    mark: str
    roams: bool


class JobProcess:
    """A started command."""

    def __init__(
        self, start: ProcessStart, process: asyncio.subprocess.Process, reader: PipeReader, watch: DeathWatch
    ) -> None:
        self._start = start
        self._process = process
        self._reader = reader
        self._watch = watch
        self._stopping: asyncio.Task[None] | None = None

    @classmethod
    async def begin(cls, start: ProcessStart, take: Callable[[bytes], None]) -> JobProcess:
        """Start it; its output goes to `take`. WorkspaceError when it can't be started."""
        ours, theirs = os.pipe()
        try:
            process = await started(
                asyncio.create_subprocess_exec(
                    *start.arguments,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=theirs,
                    stderr=asyncio.subprocess.STDOUT,
                    cwd=start.folder,
                    env=dict(start.environment),
                    start_new_session=True,
                )
            )
        except (OSError, ValueError) as error:
            os.close(ours)
            raise start_error(error) from error
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        try:
            watch = await DeathWatch.begin(process.pid, start.mark)
        except BaseException as error:
            signal_group(process.pid, signal.SIGKILL)
            os.close(ours)
            if isinstance(error, OSError):
                raise start_error(error) from error
            raise
        return cls(start, process, PipeReader(ours, take), watch)

    async def wait(self) -> int:
        """Its exit code once it ended by itself or was stopped; as a shell counts, 128 and the signal's number for a signal."""
        code = await self._process.wait()
        return code if code >= 0 else 128 - code

    async def stop(self) -> None:
        """End the group: a request first, so that it can tidy up, force after a second; again: wait for the same end."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop())
        await asyncio.shield(self._stopping)

    async def finish(self) -> bool:
        """After the end: the rest of the output; whatever is left behind is ended, and that is the answer."""
        if self._stopping:
            await self._stopping
        held = not await self._reader.drained(_SILENCE, _MOST_DRAINING)
        ended = await self._end_leftovers()
        if held:
            await self._reader.drained(_SILENCE, _SILENCE)
        self._reader.close()
        await self._watch.end()
        return held or ended

    def kill(self) -> None:
        """End the group at once, for when nothing can be waited for any more."""
        signal_group(self._process.pid, signal.SIGKILL)
        self._reader.close()

    async def _end_leftovers(self) -> bool:
        group = self._process.pid
        if self._start.roams and sys.platform == "linux":
            for _ in range(_LOOKS):
                # One that has just closed its output may be on its way out by itself.
                if not await asyncio.to_thread(living_processes, group, self._start.mark):
                    return False
                await asyncio.sleep(_POLL)
            return await asyncio.to_thread(sweep, group, self._start.mark) > 0
        # In the sandbox of Linux they end with it; what is seen of the group then is only on its way out.
        is_left = is_group_alive(group)
        signal_group(group, signal.SIGKILL)
        return is_left and sys.platform != "linux"

    async def _stop(self) -> None:
        group = self._process.pid
        signal_group(group, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                await self._process.wait()
        for _ in range(int(_GRACE / _POLL)):
            if self._process.returncode is None or not await is_job_alive(group, self._start.mark):
                break
            await asyncio.sleep(_POLL)
        signal_group(group, signal.SIGKILL)
        await asyncio.to_thread(sweep, group, self._start.mark)
        await self._process.wait()


def start_error(error: OSError | ValueError) -> WorkspaceError:
    """Why a command could not be started, in words."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return WorkspaceError(f"The command could not be started: {reason}. Check its folder and its length.")
