"""Commands of a shell: what one would do as far as its grammar tells, where it runs, how it ended, jobs in the background."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import msgspec

from dsterm.core.command_plan import Confinement, ProgramCall
from dsterm.core.tools import Effect, Lack


class CommandReading(msgspec.Struct, frozen=True, kw_only=True):
    """What a command line would do: READ and INSPECT when all it calls only reads, else EXECUTE and whatever else it needs.

    `calls` are the programs it calls; `concerns` say in plain words why it is not just inspecting (`curl reaches the network`).
    `is_understood` is False where the grammar leaves open what runs.
    """

    effects: tuple[Effect, ...]
    calls: tuple[ProgramCall, ...] = ()
    concerns: tuple[str, ...] = ()
    is_understood: bool = True


CommandReader = Callable[[str], CommandReading]
"""Reads a command line without running anything."""


class SandboxFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What confines commands here: its name, empty where nothing does, and then why not."""

    name: str = ""
    trouble: str = ""


class CommandLaunch(msgspec.Struct, frozen=True, kw_only=True):
    """A command to run in `folder` for at most `seconds` (None: no limit).

    `is_of_user`: typed by the user, so it gets the user's own environment without keys. `shows_secrets`: files of the workspace
    that look secret stay readable in the sandbox. `survives`: it goes on when dsterm ends.
    """

    command: str
    folder: Path
    confinement: Confinement
    seconds: float | None = None
    description: str = ""
    is_of_user: bool = False
    shows_secrets: bool = False
    survives: bool = False


class JobState(StrEnum):
    """How far a command is."""

    RUNNING = "running"
    ENDED = "ended"
    STOPPED = "stopped"
    TIMED_OUT = "timed out"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A command that runs or ran in this session: `exit_code` once it ended by itself, `lines` of output so far.

    `log` is the file with all its output (up to a cap), empty where nothing is kept on disk.
    """

    id: str
    command: str
    state: JobState
    started: datetime
    confinement: Confinement
    description: str = ""
    seconds: float = 0.0
    exit_code: int | None = None
    lines: int = 0
    log: str = ""
    is_background: bool = False
    is_of_user: bool = False
    survives: bool = False


class JobOutput(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a job's output: head and tail where it is long, or whole lines from `first`; what was cut is said in it."""

    job: Job
    text: str
    is_cut: bool = False
    lack: Lack | None = None


class CommandRunner(Protocol):
    """Runs commands as jobs. Nothing of them outlives `close`, but those that were asked to survive."""

    @property
    def sandbox(self) -> SandboxFacts:
        """What confines commands; found out once, at boot or on first use."""
        ...

    async def run(self, launch: CommandLaunch, progress: Callable[[str], None]) -> JobOutput:
        """Run it and wait until it ends, its time is over, or it is moved to the background (the job still runs then).

        A cancelled wait stops the job first. WorkspaceError when it can't be started.
        """
        ...

    async def start(self, launch: CommandLaunch) -> Job:
        """Start it in the background and return at once. WorkspaceError when it can't be started."""
        ...

    def jobs(self) -> tuple[Job, ...]:
        """All jobs of this session, oldest first."""
        ...

    async def read(self, job_id: str, first: int | None = None) -> JobOutput:
        """Its output so far; whole lines from line `first`, counted from 1, where that is given. UsageError for an unknown id."""
        ...

    async def stop(self, job_id: str) -> Job:
        """End it and everything it started; one that is over stays as it is. UsageError for an unknown id."""
        ...

    def release(self) -> Job | None:
        """Move the command that is being waited for to the background; None when there is none."""
        ...

    def listen(self, listener: Callable[[Job], None]) -> None:
        """Call `listener` whenever a job in the background changes its state, from the event loop."""
        ...

    async def close(self) -> None:
        """Stop every job that was not asked to survive."""
        ...
