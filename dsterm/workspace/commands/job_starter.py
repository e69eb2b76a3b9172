"""How a job begins: its log, its environment, its confinement and its process. Loaded with the first command."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dsterm.core.command_plan import Confinement
from dsterm.core.commands import CommandLaunch, Job, JobState
from dsterm.core.errors import WorkspaceError
from dsterm.workspace.commands.command_environment import JOB_MARK, model_environment, user_environment, without_keys
from dsterm.workspace.commands.job_log import JobLog, open_log
from dsterm.workspace.commands.job_process import JobProcess, ProcessStart
from dsterm.workspace.commands.job_stream import JobStream
from dsterm.workspace.commands.live_job import LiveJob, Started
from dsterm.workspace.commands.surviving_process import SurvivingProcess
from dsterm.workspace.environment import path_folders
from dsterm.workspace.programs import find_program

if TYPE_CHECKING:
    from dsterm.workspace.commands.jobs import JobSetting
    from dsterm.workspace.confinement.sandbox import FoundSandbox

_USUAL_FOLDERS = (Path("/bin"), Path("/usr/bin"), Path("/usr/local/bin"))

Settle = Callable[[], tuple[str, ...]]
"""What is called after a command, blocking: the words for what it left."""


class JobStarter:
    """Begins jobs in the environment and the sandbox of `setting`; `find_sandbox` blocks where nobody has looked yet."""

    def __init__(self, setting: JobSetting, find_sandbox: Callable[[], FoundSandbox]) -> None:
        self._setting = setting
        self._find_sandbox = find_sandbox
        self._environment = without_keys(setting.environment, setting.key_variables)
        self._roots = (setting.root, *setting.extra_roots)
        self._shell = _find_shell(self._environment, self._roots)
        self._mark = f"{os.getpid()}.{setting.clock.now().timestamp():.6f}"

    async def begin(
        self, launch: CommandLaunch, job_id: str, progress: Callable[[str], None] | None, tell: Callable[[Job], None]
    ) -> tuple[LiveJob, Started, Settle]:
        """The job, its process, and what settles it; `tell` hears of its states. WorkspaceError when it can't be started."""
        start, settle = await asyncio.to_thread(self._confined, launch, job_id)
        started = self._setting.clock.now()
        name = f"{started:%Y%m%d-%H%M%S}-{os.getpid()}-{job_id}.log"
        log = await asyncio.to_thread(open_log, self._setting.logs / name if self._setting.logs else None)
        # A survivor writes to the file itself; what is shown of it is masked and kept in memory.
        stream = JobStream(JobLog(None) if launch.survives else log, self._setting.redact)
        if progress:
            stream.show(progress)
        job = Job(
            id=job_id,
            command=self._setting.redact(launch.command),
            state=JobState.RUNNING,
            started=started,
            confinement=launch.confinement,
            description=launch.description,
            log=str(log.path) if log.path else "",
            is_background=progress is None,
            is_of_user=launch.is_of_user,
            survives=launch.survives,
        )
        live = LiveJob(job, launch, stream, self._setting.clock)
        live.on_change = tell
        process: Started
        try:
            if launch.survives:
                process = SurvivingProcess(start, log.path, stream.feed, live.release)
                log.close()
            else:
                process = await JobProcess.begin(start, stream.feed)
        except BaseException:
            log.discard()
            await asyncio.to_thread(settle)
            raise
        return live, process, settle

    def _confined(self, launch: CommandLaunch, job_id: str) -> tuple[ProcessStart, Callable[[], tuple[str, ...]]]:
        """What to start for `launch`, and what to call after it; blocking. WorkspaceError where it can't be confined."""
        mark = f"{self._mark}.{job_id}."
        if launch.is_of_user:
            environment = user_environment(self._environment)
        else:
            environment = model_environment(self._environment, self._roots, launch.confinement)
        environment[JOB_MARK] = mark
        arguments = (*self._shell, "-c", "--", launch.command)
        settle: Callable[[], tuple[str, ...]] = tuple
        roams = launch.confinement is Confinement.OPEN
        if not roams:
            found = self._find_sandbox()
            sandbox = found.sandbox
            if sandbox is None:
                raise WorkspaceError(f"The command was not run, as nothing confines it here: {found.facts.trouble}")
            if launch.survives:
                raise WorkspaceError("What runs in the sandbox ends with dsterm, so it can't be asked to survive.")
            confined = sandbox.wrap(launch, arguments, environment)
            settle = partial(sandbox.settle, launch)
            arguments, environment = confined.arguments, dict(confined.environment)
        start = ProcessStart(arguments, launch.folder, environment, f"{JOB_MARK}={mark}", roams=roams)
        return start, settle


def _find_shell(environment: Mapping[str, str], roots: Sequence[Path]) -> tuple[str, ...]:
    """The bash without anybody's start-up files, from outside the workspace; the system's sh where there is none."""
    bash = find_program("bash", (*_USUAL_FOLDERS, *path_folders(environment)), outside=roots)
    return (str(bash), "--noprofile", "--norc") if bash else ("/bin/sh",)
