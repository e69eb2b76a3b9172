"""Ends a job when dsterm itself dies without a chance to: a small shell waits at the other end of a pipe.

A signal on the parent's death reaches only the first process of a command, and only on Linux; the pipe is closed by the
system however dsterm ends, and the shell then ends the whole group and, on Linux, whatever carries the job's mark.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

from dsterm.workspace.process import started

_SHELL = Path("/bin/sh")
_FOLDERS = "/usr/bin:/bin"
_SCRIPT = """\
read -r over && exit 0
kill -KILL -- "-$1" 2>/dev/null
for found in $(grep -alsF -- "$2" /proc/[0-9]*/environ); do
    process=${found#/proc/}
    kill -KILL "${process%/environ}" 2>/dev/null
done
"""


class DeathWatch:
    """Watches over the process group of one job."""

    def __init__(self, watcher: asyncio.subprocess.Process, end: int) -> None:
        self._watcher = watcher
        self._end = end

    @classmethod
    async def begin(cls, group: int, mark: str) -> DeathWatch:
        """Watch over `group` and what carries `mark` in its environment. OSError when the watcher can't be started."""
        theirs, ours = os.pipe()
        try:
            watcher = await started(
                asyncio.create_subprocess_exec(
                    str(_SHELL),
                    "-c",
                    _SCRIPT,
                    "dsterm-watch",
                    str(group),
                    mark,
                    stdin=theirs,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL,
                    cwd="/",
                    env={"PATH": _FOLDERS},
                    start_new_session=True,
                )
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        return cls(watcher, ours)

    async def end(self) -> None:
        """The job is over: nothing is left to watch."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._end, b"over\n")
        os.close(self._end)
        await self._watcher.wait()
