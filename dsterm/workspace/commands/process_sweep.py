"""The processes of a job, wherever they went: those of its session, and those that carry its mark in their environment.

Only Linux tells; elsewhere the process group is all that is known. A process that leaves the session and empties its
environment too is not found here: only the sandbox ends such a one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

_PROCESSES = Path("/proc")


def living_processes(session: int, mark: str) -> list[int]:
    """Ids of processes in `session` or with `mark` (`NAME=value`) in their environment that are not over; blocking."""
    if sys.platform != "linux":
        return []
    sought = mark.encode()
    return [
        int(entry.name)
        for entry in _PROCESSES.iterdir()
        if entry.name.isdigit() and int(entry.name) != os.getpid() and _belongs(entry, session, sought)
    ]


def is_group_alive(group: int) -> bool:
    """Whether any process of `group` is left, even one that is over and was not yet waited for."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


async def is_job_alive(group: int, mark: str) -> bool:
    """Whether anything of a job still runs; where only the group can be asked, one that is over and not waited for counts."""
    if not is_group_alive(group):
        return False
    if sys.platform != "linux":
        return True
    living = await asyncio.to_thread(living_processes, group, mark)
    return bool(living)


def signal_group(group: int, number: signal.Signals) -> None:
    """Send `number` to the whole group; one that is gone needs nothing."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def sweep(session: int, mark: str) -> int:
    """End by force what is left of a job, until nothing is or three rounds were in vain; how many were ended. Blocking."""
    ended: set[int] = set()
    for _ in range(3):
        found = living_processes(session, mark)
        if not found:
            break
        for process in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
                ended.add(process)
    return len(ended)


def _belongs(process: Path, session: int, mark: bytes) -> bool:
    try:
        # The name stands in brackets and may hold anything; state, parent, group and session follow the last bracket.
        state, _, _, its_session = (process / "stat").read_bytes().rpartition(b")")[2].split()[:4]
        if state in {b"Z", b"X"}:
            return False
        return int(its_session) == session or mark in (process / "environ").read_bytes().split(b"\0")
    except (OSError, ValueError):
        # Over by now, or somebody else's.
        return False
