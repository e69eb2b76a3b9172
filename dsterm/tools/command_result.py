"""What the model is told of a command: its output, then lines in brackets that say how it ended and how to go on."""

from __future__ import annotations

from dsterm.core.commands import Job, JobOutput, JobState
from dsterm.core.tools import Outcome, ToolResult

NO_OUTPUT = "(no output)"


def command_result(output: JobOutput, limit: float | None) -> ToolResult:
    """The result of a command that ended, was stopped after `limit` seconds or by hand, or goes on in the background."""
    job = output.job
    lines = [output.text.rstrip("\n") or NO_OUTPUT]
    if output.is_cut:
        lines.append(f'[output truncated; all of it: job(id="{job.id}", action="read", offset=1)]')
    match job.state:
        case JobState.RUNNING:
            lines.append(_goes_on(job))
            outcome, summary = Outcome.DONE, f"in the background as job {job.id}"
        case JobState.TIMED_OUT:
            lines.append(f"[timed out after {limit or 0:g} s and was ended; run_in_background has no limit]")
            outcome, summary = Outcome.FAILED, f"timed out after {limit or 0:g} s"
        case JobState.STOPPED:
            lines.append("[the user stopped it]")
            outcome, summary = Outcome.CANCELLED, "stopped"
        case JobState.ENDED:
            if job.exit_code:
                lines.append(f"[exit code: {job.exit_code}]")
            outcome = Outcome.FAILED if job.exit_code else Outcome.DONE
            summary = f"exit {job.exit_code}" if job.exit_code else line_count(job.lines)
    return ToolResult(outcome=outcome, content="\n".join(lines), summary=summary, lack=output.lack, job=job.id)


def started_result(job: Job) -> ToolResult:
    """The result of a command that was started in the background."""
    return ToolResult(
        outcome=Outcome.DONE, content=_goes_on(job), summary=f"in the background as job {job.id}", job=job.id
    )


def line_count(lines: int) -> str:
    """How much a command printed, for the reader."""
    return "no output" if not lines else f"{lines:,} line{'' if lines == 1 else 's'}"


def _goes_on(job: Job) -> str:
    return (
        f'[runs in the background as job {job.id}; job(id="{job.id}", action="read") shows its output, '
        'action="stop" ends it]'
    )
