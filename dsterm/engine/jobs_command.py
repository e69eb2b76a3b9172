"""/jobs and /bg: the commands of this session, what they print, and how to stop them."""

from __future__ import annotations

from dsterm.core.commands import Job, JobState
from dsterm.core.errors import UsageError
from dsterm.engine.live import LiveSession
from dsterm.render.wording import format_seconds

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
            live.notice(f"Stopped {len(running)} jobs." if running else "Nothing runs.")
        case ["stop", job_id]:
            live.notice(_line(await runner.stop(job_id)))
        case [job_id]:
            output = await runner.read(job_id)
            log = f"\nAll of it: {output.job.log}" if output.job.log else ""
            live.notice(f"{_line(output.job)}\n{output.text.rstrip() or '(no output)'}{log}")
        case _:
            raise UsageError(_USAGE)


def release(live: LiveSession) -> None:
    """Let the command that is being waited for go on in the background; UsageError when there is none."""
    job = live.parts.commands.release()
    if job is None:
        raise UsageError("No command is being waited for.")
    live.notice(f"Job {job.id} goes on in the background. {_USAGE}")


def job_list(found: tuple[Job, ...]) -> str:
    """All jobs, oldest first, those that run marked."""
    if not found:
        return "No command ran in this session."
    return "\n".join([*map(_line, found), _USAGE])


def _line(job: Job) -> str:
    mark = "●" if job.state is JobState.RUNNING else " "
    ending = f"exit {job.exit_code}" if job.exit_code is not None else job.state.value
    who = "you" if job.is_of_user else "model"
    command = " ".join(job.command.split())
    return (
        f"{mark} {job.id:>3}  {ending:<10} {format_seconds(job.seconds):>7}  {job.lines:>6} lines  {who:<5}  {command}"
    )
