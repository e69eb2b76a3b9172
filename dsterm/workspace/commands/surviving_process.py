"""A command of the user's that was asked to go on when dsterm ends: it writes to its log file itself, which is only followed.

Nothing of dsterm's is needed for it to live: no pipe that would break, nobody that ends it. What it writes is masked when it
is shown; the file holds it as it came, and without a cap.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from dsterm.workspace.commands.job_process import ProcessStart, start_error
from dsterm.workspace.commands.process_sweep import is_job_alive, signal_group, sweep

_POLL = 0.1
_GRACE = 1.0
_CHUNK = 65_536


class SurvivingProcess:
    """A command that outlives dsterm and writes to `log`, which is there; its output goes to `take` as well.

    `on_detached` is called when its shell is over but what it started goes on. WorkspaceError when it can't be started.
    """

    def __init__(
        self, start: ProcessStart, log: Path | None, take: Callable[[bytes], None], on_detached: Callable[[], None]
    ) -> None:
        self._start = start
        self._take = take
        self._on_detached = on_detached
        self._log = log.open("rb", buffering=0) if log else None
        try:
            with log.open("ab", buffering=0) if log else Path(os.devnull).open("wb", buffering=0) as output:
                # Not asyncio's own: that one ends its processes when it is itself thrown away.
                self._process = subprocess.Popen(  # noqa: S603 - the command is the user's own word
                    start.arguments,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=start.folder,
                    env=dict(start.environment),
                    start_new_session=True,
                )
        except (OSError, ValueError) as error:
            self._close_log()
            raise start_error(error) from error

    async def wait(self) -> int:
        """Follow its output until all that it started is over; the exit code of its shell."""
        try:
            while self._process.poll() is None:
                self._follow()
                await asyncio.sleep(_POLL)
            while self._follow():
                pass
            if await self._is_alive():
                self._on_detached()
            while await self._is_alive():
                self._follow()
                await asyncio.sleep(_POLL)
            while self._follow():
                pass
        finally:
            self._close_log()
        code = self._process.returncode
        return code if code >= 0 else 128 - code

    async def stop(self) -> None:
        """End it and what it started."""
        signal_group(self._process.pid, signal.SIGTERM)
        for _ in range(int(_GRACE / _POLL)):
            if self._process.poll() is not None and not await self._is_alive():
                break
            await asyncio.sleep(_POLL)
        signal_group(self._process.pid, signal.SIGKILL)
        await asyncio.to_thread(sweep, self._process.pid, self._start.mark)

    async def finish(self) -> bool:
        """It was waited for to its last process, so nothing is left behind."""
        return False

    def kill(self) -> None:
        """Follow it no longer; it goes on."""
        self._close_log()
        if self._process.poll() is None:
            # Python would complain that nobody waited for it, which is what was asked for.
            self._process.returncode = 0

    async def _is_alive(self) -> bool:
        return await is_job_alive(self._process.pid, self._start.mark)

    def _follow(self) -> bool:
        data = self._log.read(_CHUNK) if self._log else None
        if data:
            self._take(data)
        return bool(data)

    def _close_log(self) -> None:
        if self._log:
            self._log.close()
        self._log = None
