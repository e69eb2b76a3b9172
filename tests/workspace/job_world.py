from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from dsterm.core.command_plan import Confinement
from dsterm.core.commands import CommandLaunch, JobOutput, JobState, SandboxFacts
from dsterm.workspace.commands.jobs import Jobs, JobSetting
from dsterm.workspace.confinement.sandbox import FoundSandbox

KEY = "hunter2-hunter2-hunter2"


class RealClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


def nothing(_text: str) -> None:
    pass


def no_sandbox() -> FoundSandbox:
    return FoundSandbox(None, SandboxFacts(trouble="switched off for the test"))


class World:
    """A workspace with its jobs, outside a sandbox unless one is handed in."""

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        *,
        has_logs: bool = True,
        find_sandbox: Callable[[], FoundSandbox] = no_sandbox,
    ) -> None:
        self.root = (folder / "work").resolve()
        self.root.mkdir(exist_ok=True)
        self.logs = folder / "logs"
        self.jobs = Jobs(
            JobSetting(
                find_sandbox=find_sandbox,
                root=self.root,
                environment={"PATH": os.environ["PATH"], "HOME": str(folder), **(environment or {})},
                key_variables=frozenset({"NOVITA_API_KEY", "DSTERM_API_KEY"}),
                logs=self.logs if has_logs else None,
                redact=lambda text: text.replace(KEY, "[redacted]"),
                clock=RealClock(),
            )
        )

    def launch(self, command: str, **more: object) -> CommandLaunch:
        settings: dict[str, object] = {"confinement": Confinement.OPEN, "seconds": 8.0, "folder": self.root, **more}
        return CommandLaunch(command=command, **settings)

    async def run(self, command: str, progress: Callable[[str], None] = nothing, **more: object) -> JobOutput:
        return await self.jobs.run(self.launch(command, **more), progress)

    async def text(self, command: str, **more: object) -> str:
        return (await self.run(command, **more)).text

    async def until_over(self, job_id: str) -> JobOutput:
        while (found := await self.jobs.read(job_id)).job.state is JobState.RUNNING:
            await asyncio.sleep(0.02)
        return found


def processes_with(word: str) -> list[int]:
    """Living processes that have `word` as an argument of their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if word.encode() in arguments:
            found.append(int(entry.name))
    return found


async def none_left(word: str, seconds: float = 2.0) -> bool:
    """Whether no process with `word` in its arguments is left, or soon none is."""
    until = time.monotonic() + seconds
    while processes_with(word):
        if time.monotonic() > until:
            return False
        await asyncio.sleep(0.02)
    return True
