"""Commands of a shell as jobs: each waited for or in the background, in the sandbox or in the open; none outlives dsterm.

Only a command of the user's own that was asked to survive does.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dsterm.core.commands import CommandLaunch, Job, JobOutput, JobState, SandboxFacts
from dsterm.core.errors import UsageError, WorkspaceError
from dsterm.core.services import Clock

if TYPE_CHECKING:
    from dsterm.workspace.commands.job_starter import JobStarter
    from dsterm.workspace.commands.live_job import LiveJob
    from dsterm.workspace.confinement.sandbox import FoundSandbox

_MOST_RUNNING = 40


@dataclass(frozen=True)
class JobSetting:
    """What all jobs share.

    `find_sandbox` is called once, in a thread or by whoever asks first; `root` is the workspace and `extra_roots` what was
    added to it, from which nothing may be loaded; no child sees `key_variables` of `environment`; `logs` is the folder for
    full output, None keeps it in memory; `redact` masks known secrets in whole lines.
    """

    find_sandbox: Callable[[], FoundSandbox]
    root: Path
    environment: Mapping[str, str]
    key_variables: frozenset[str]
    logs: Path | None
    redact: Callable[[str], str]
    clock: Clock
    extra_roots: tuple[Path, ...] = ()


class Jobs:
    """The commands of one session; implements `core.commands.CommandRunner`."""

    def __init__(self, setting: JobSetting) -> None:
        self._setting = setting
        self._found: FoundSandbox | None = None
        self._finding = threading.Lock()
        self._jobs: dict[str, LiveJob] = {}
        self._waited: list[LiveJob] = []
        self._listeners: list[Callable[[Job], None]] = []
        self._starting: set[asyncio.Task[LiveJob]] = set()
        self._number = 0
        self._is_closed = False

    @property
    def sandbox(self) -> SandboxFacts:
        """What confines commands; the first call finds out, which blocks for a moment."""
        return self._find().facts

    async def run(self, launch: CommandLaunch, progress: Callable[[str], None]) -> JobOutput:
        """Run it and wait until it ends, its time is over, or it is moved to the background (the job still runs then).

        A cancelled wait stops the job first. WorkspaceError when it can't be started.
        """
        job = await self._begin(launch, progress)
        self._waited.append(job)
        try:
            await job.until_over_or_released()
        except asyncio.CancelledError:
            await job.stop()
            raise
        finally:
            self._waited.remove(job)
        await job.check()
        return job.output()

    async def start(self, launch: CommandLaunch) -> Job:
        """Start it in the background and return at once. WorkspaceError when it can't be started."""
        job = await self._begin(launch, None)
        self._tell(job.job)
        return job.job

    def jobs(self) -> tuple[Job, ...]:
        """All jobs of this session, oldest first."""
        # Two that were started at the same time may have come to run in another order than they were asked for.
        return tuple(self._jobs[job_id].job for job_id in sorted(self._jobs, key=int))

    async def read(self, job_id: str, first: int | None = None) -> JobOutput:
        """Its output so far; whole lines from line `first`, counted from 1, where that is given. UsageError for an unknown id."""
        live = self._get(job_id)
        if first is None:
            return live.output()
        live.stream.catch_up()
        return await asyncio.to_thread(live.stretch, first)

    async def stop(self, job_id: str) -> Job:
        """End it and everything it started; one that is over stays as it is. UsageError for an unknown id."""
        live = self._get(job_id)
        await live.stop()
        return live.job

    def release(self) -> Job | None:
        """Move the command that is being waited for (the newest, where there are several) to the background."""
        for live in reversed(self._waited):
            live.release()
            if live.job.state is JobState.RUNNING:
                return live.job
        return None

    def listen(self, listener: Callable[[Job], None]) -> None:
        """Call `listener` whenever a job in the background changes its state, from the event loop."""
        self._listeners.append(listener)

    async def close(self) -> None:
        """Stop every job that was not asked to survive, all at the same time."""
        self._is_closed = True
        await asyncio.gather(*self._starting, return_exceptions=True)
        await asyncio.gather(*(live.stop() for live in self._jobs.values() if not live.launch.survives))
        await asyncio.gather(*(live.let_go() for live in self._jobs.values() if live.launch.survives))

    async def _begin(self, launch: CommandLaunch, progress: Callable[[str], None] | None) -> LiveJob:
        """Start it; a cancelled wait still waits for the start, so that it is known what to stop."""
        running = sum(live.job.state is JobState.RUNNING for live in self._jobs.values())
        if self._is_closed or running + len(self._starting) >= _MOST_RUNNING:
            reason = "dsterm is ending" if self._is_closed else f"{_MOST_RUNNING} commands run already; stop some first"
            raise WorkspaceError(f"The command was not started: {reason}.")
        starting = asyncio.create_task(self._start(launch, progress))
        self._starting.add(starting)
        starting.add_done_callback(self._starting.discard)
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            with contextlib.suppress(WorkspaceError):
                await (await starting).stop()
            raise

    async def _start(self, launch: CommandLaunch, progress: Callable[[str], None] | None) -> LiveJob:
        self._number += 1
        job_id = str(self._number)
        live, process, settle = await self._starter.begin(launch, job_id, progress, self._tell)
        self._jobs[job_id] = live
        live.begin(process, settle)
        if self._is_closed:
            await live.stop()
        return live

    @cached_property
    def _starter(self) -> JobStarter:
        from dsterm.workspace.commands.job_starter import JobStarter  # noqa: PLC0415  with the first command

        return JobStarter(self._setting, self._find)

    def _find(self) -> FoundSandbox:
        with self._finding:
            if self._found is None:
                self._found = self._setting.find_sandbox()
            return self._found

    def _get(self, job_id: str) -> LiveJob:
        live = self._jobs.get(job_id.strip().removeprefix("#"))
        if live is None:
            known = ", ".join(self._jobs) or "none so far"
            raise UsageError(f"There is no job {job_id.strip()[:40]}. The jobs are: {known}.")
        return live

    def _tell(self, job: Job) -> None:
        for listener in self._listeners:
            listener(job)
