"""Counts a repository as `/attach` does, in a process of its own.

`python -m benchmarks.count_child REPO TABLE [--ages]` prints as JSON what it cost; imports and the start are not counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3  # noqa: F401 - imports are not counted, and this one is put off until it is needed
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.ingredients import cpu_seconds
from dsterm.core.attachments import PackChoice, WorkState
from dsterm.core.config import Config
from dsterm.engine.attaching.counting import count_source
from dsterm.llm.tokens import V4Counter
from dsterm.render.outline import TokenOutline
from dsterm.store.token_counts import TokenCounts
from dsterm.workspace.git.git import Git
from dsterm.workspace.git.git_hardening import GitCall, GitDoor
from dsterm.workspace.programs import find_program, program_folders
from dsterm.workspace.sources.sources import Sources

_TICK = 0.005


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """CPU and wall seconds, the longest that the event loop stood still, and how much was counted."""

    cpu: float
    wall: float
    pause: float
    files: int
    size: int
    tokens: int


@dataclass(frozen=True)
class _Parts:
    sources: Sources
    counter: V4Counter
    token_counts: TokenCounts
    outline: TokenOutline


async def run(repository: Path, table: Path, *, with_ages: bool) -> Counted:
    """Count it, once."""
    environment = dict(os.environ)
    door = Git(find_program("git", program_folders(environment)), repository, environment=environment).door
    if door is None:
        raise SystemExit("git is missing.")
    sources = Sources(door, repository, clones=table.parent / "clones", cap=Config().attach_cap)
    parts = _Parts(sources, V4Counter(), TokenCounts(table), TokenOutline())
    told: list[WorkState] = []
    await _warm_up(door, repository)
    with watched_pauses() as pauses:
        cpu, wall = cpu_seconds(), time.perf_counter()
        survey = await count_source(parts, str(repository), PackChoice(), told.append)
        if with_ages:
            await sources.ages(survey)
        cpu, wall = cpu_seconds() - cpu, time.perf_counter() - wall
    parts.token_counts.close()
    return Counted(
        cpu=cpu,
        wall=wall,
        pause=max(pauses, default=0.0),
        files=len(survey.files),
        size=sum(file.size for file in survey.files),
        tokens=sum(file.tokens for file in survey.files),
    )


async def _warm_up(door: GitDoor, repository: Path) -> None:
    """What belongs to a start: the first thread, the first program."""
    await asyncio.to_thread(os.getpid)
    await door.output(GitCall(arguments=("rev-parse", "HEAD"), folder=repository))


@contextmanager
def watched_pauses() -> Iterator[list[float]]:
    """How much later than asked for a timer of the event loop came, each time."""
    late: list[float] = []

    async def tick() -> None:
        while True:
            begin = time.perf_counter()
            await asyncio.sleep(_TICK)
            late.append(time.perf_counter() - begin - _TICK)

    ticking = asyncio.ensure_future(tick())
    try:
        yield late
    finally:
        ticking.cancel()


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        result = asyncio.run(run(Path(sys.argv[1]), Path(sys.argv[2]), with_ages="--ages" in sys.argv))
        print(msgspec.json.encode(result).decode())
