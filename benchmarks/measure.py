"""Runs a child to its end and says what it cost: CPU and wall seconds, peak memory.

CPU is user and system time of the child and of every process it waited for. The kernel counts the memory of this process,
out of which the child is made, as the child's at its start: a peak is never reported below that.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from benchmarks.figures import BenchmarkError

First = TypeVar("First")
Second = TypeVar("Second")

_MEGABYTE = 1_000_000
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """A child from start to exit: seconds of CPU and wall time, its peak memory in MB, what it printed."""

    cpu: float
    wall: float
    peak: float
    output: bytes


def run_child(command: Sequence[str], *, environment: Mapping[str, str], folder: Path, seconds: float = 120.0) -> Cost:
    """Run `command` in `folder`; BenchmarkError when it fails or takes more than `seconds`."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        begin = time.perf_counter()
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env=dict(environment),
            cwd=folder,
            start_new_session=True,
        )
        timer = threading.Timer(seconds, kill_group, (child.pid,))
        timer.start()
        try:
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        finally:
            timer.cancel()
            if child.returncode is None:
                kill_group(child.pid)
                child.wait()
        wall = time.perf_counter() - begin
        output.seek(0)
        errors.seek(0)
        _check(command, child.returncode, errors.read())
        return Cost(
            cpu=used.ru_utime + used.ru_stime,
            wall=wall,
            peak=used.ru_maxrss * _RSS_UNIT / _MEGABYTE,
            output=output.read(),
        )


def _check(command: Sequence[str], code: int, errors: bytes) -> None:
    if code == 0:
        return
    said = errors.decode(errors="replace").strip().splitlines()
    words = " ".join(Path(word).name if number == 0 else word for number, word in enumerate(command))
    raise BenchmarkError(f"`{words[:160]}` ended with exit code {code}: {said[-1] if said else 'it said nothing'}")


def in_pairs(first: Callable[[], First], second: Callable[[], Second], runs: int) -> list[tuple[First, Second]]:
    """Both, in turn, `runs` times, so that what else the machine does hits both alike; one round before is thrown away."""
    rounds = [(first(), second()) for _ in range(runs + 1)]
    return rounds[1:]


def kill_group(pid: int) -> None:
    """End a child that leads a group, and all that it started."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
