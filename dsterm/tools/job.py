"""The tool `job`: commands in the background listed, read, stopped. What the user runs by hand is not the model's to see.

Stopping counts as reading: it only ends what a call before it was allowed to start.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

from dsterm.core.commands import CommandRunner, Job, JobState
from dsterm.core.errors import ToolError, UsageError
from dsterm.core.tools import Effect, Outcome, Plan, PreparedCall, Progress, Tool, ToolResult
from dsterm.tools.checked_tool import CheckedTool
from dsterm.tools.command_result import NO_OUTPUT, line_count
from dsterm.tools.truncate import shorten

_COMMAND_LIMIT = 120


class JobAction(StrEnum):
    """What to do with jobs."""

    LIST = "list"
    READ = "read"
    STOP = "stop"


class JobArguments(msgspec.Struct, frozen=True):
    """What `job` takes."""

    action: JobAction
    id: Annotated[str, msgspec.Meta(description="for read and stop")] = ""
    offset: Annotated[int, msgspec.Meta(description="first line to read, from 1")] | None = None


def job_tool(runner: CommandRunner) -> Tool:
    """`job` over the commands of `runner`."""

    async def plan(arguments: JobArguments) -> PreparedCall:
        if arguments.action is JobAction.LIST:
            return PreparedCall(plan=Plan(effects=(Effect.READ,), subject="list"), run=show_list)
        job = _find(runner, arguments.id)
        if arguments.offset is not None and arguments.offset < 1:
            raise ToolError("offset counts lines from 1. Leave it out to see the first and the last lines.")

        async def run(_progress: Progress) -> ToolResult:
            try:
                if arguments.action is JobAction.STOP:
                    return _stopped(job, await runner.stop(job.id))
                return await _read(runner, job.id, arguments.offset)
            except UsageError as error:
                raise ToolError(str(error)) from error

        return PreparedCall(plan=Plan(effects=(Effect.READ,), subject=f"{arguments.action} {job.id}"), run=run)

    async def show_list(_progress: Progress) -> ToolResult:
        jobs = [job for job in _visible(runner) if job.is_background]
        lines = [f"{job.id}\t{_state(job)}\t{shorten(' '.join(job.command.split()), _COMMAND_LIMIT)}" for job in jobs]
        content = "\n".join(lines) or "(No command is in the background.)"
        return ToolResult(outcome=Outcome.DONE, content=content, summary=f"{len(jobs)} jobs")

    return CheckedTool("job", JobArguments, plan)


def _visible(runner: CommandRunner) -> list[Job]:
    return [job for job in runner.jobs() if not job.is_of_user]


def _find(runner: CommandRunner, job_id: str) -> Job:
    wanted = job_id.strip().casefold().removeprefix("#").removeprefix("job").strip()
    jobs = _visible(runner)
    for job in jobs:
        if job.id == wanted:
            return job
    known = ", ".join(job.id for job in jobs) or "none so far"
    raise ToolError(f"There is no job {wanted[:40] or 'without an id'}. The jobs are: {known}.")


async def _read(runner: CommandRunner, job_id: str, offset: int | None) -> ToolResult:
    output = await runner.read(job_id, offset)
    job = output.job
    lines = [output.text.rstrip("\n") or NO_OUTPUT]
    if output.is_cut and offset is None:
        lines.append(f'[output truncated; all of it: job(id="{job.id}", action="read", offset=1)]')
    lines.append(f"[{_state(job)}; {line_count(job.lines)}]")
    return ToolResult(outcome=Outcome.DONE, content="\n".join(lines), summary=_state(job), job=job.id)


def _stopped(before: Job, job: Job) -> ToolResult:
    was_over = before.state is not JobState.RUNNING
    content = f"Job {job.id} was over before: {_state(job)}." if was_over else f"Job {job.id} is over: {_state(job)}."
    return ToolResult(outcome=Outcome.DONE, content=content, summary=_state(job), job=job.id)


def _state(job: Job) -> str:
    if job.state is JobState.RUNNING:
        return f"running for {job.seconds:.0f} s"
    return f"exit code {job.exit_code}" if job.exit_code is not None else job.state.value
