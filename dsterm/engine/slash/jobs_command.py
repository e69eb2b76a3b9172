"""/jobs and /bg: the commands of this session, what they print, and how to stop them."""

from __future__ import annotations

from dsterm.core.commands import Job, JobState
from dsterm.core.errors import UsageError
from dsterm.engine.live import LiveSession
from dsterm.render.width import truncated
from dsterm.render.wording import format_count, format_seconds

_SHOWN_COMMAND = 39
"""Cells of a command in the list, so that a row fits a screen of 80; `/jobs ID` shows all of it."""

_USAGE = "/jobs lists the commands, /jobs ID shows what one prints, /jobs stop ID ends it."


async def jobs(live: LiveSession, words: list[str]) -> None:
    """List the jobs, show one, or stop one (`stop all`: every one that runs)."""
    runner = live.parts.commands
    match words:
        case []:
            live.notice(job_list(runner.jobs()))
        case ["stop", "all"]:
            running = [job for job in runner.jobs() if job.state is JobState.RUNNING]
            for job in running:
                await runner.stop(job.id)
            live.notice(f"Stopped {format_count(len(running), 'job')}." if running else "Nothing runs.")
        case ["stop", job_id]:
            live.notice(_line(await runner.stop(job_id)))
        case [job_id]:
            output = await runner.read(job_id)
            log = f"\nlog: {output.job.log}" if output.job.log else ""
            live.notice(f"{_line(output.job)}\n{output.text.rstrip() or '(no output)'}{log}")
        case _:
            raise UsageError(_USAGE)


def release(live: LiveSession) -> None:
    """Let the command that is being waited for go on in the background; UsageError when there is none."""
    job = live.parts.commands.release()
    if job is None:
        raise UsageError("No command is being waited for.")


def job_list(found: tuple[Job, ...]) -> str:
    """All jobs, oldest first, those that run marked."""
    if not found:
        return "No command ran in this session."
    running = sum(job.state is JobState.RUNNING for job in found)
    heading = f"{format_count(len(found), 'command')} in this session, {running or 'none'} running. {_USAGE}"
    return "\n".join([heading, *(_line(job, _SHOWN_COMMAND) for job in found)])


def _line(job: Job, most: int | None = None) -> str:
    """A row about `job`: the command as it was typed where the user did, at most `most` cells of it where that is given."""
    mark = "●" if job.state is JobState.RUNNING else " "
    ending = f"exit {job.exit_code}" if job.exit_code is not None else job.state.value
    lines = format_count(job.lines, "line")
    command = ("!" if job.is_of_user else "") + " ".join(job.command.split())
    shown = command if most is None else truncated(command, most)
    return f"{mark} {job.id:>3}  {ending:<9} {format_seconds(job.seconds):>7}  {lines:>9}  {shown}"
