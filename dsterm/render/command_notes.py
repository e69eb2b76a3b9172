"""The words of dsterm's own about jobs, plans and requests beside the conversation."""

from __future__ import annotations

from collections.abc import Callable

from dsterm.core.command_events import JobChanged, PlanDecided, PlanDecision
from dsterm.core.commands import Job, JobState
from dsterm.core.events import AsideEnded
from dsterm.render.blocks import Note
from dsterm.render.clean import clean_code, clean_line
from dsterm.render.style import Style
from dsterm.render.width import truncated
from dsterm.render.wording import format_money

_LONGEST_COMMAND = 120


def job_note(event: JobChanged) -> Note:
    """A command went to the background, or is over there."""
    job = event.job
    command = truncated(clean_code(clean_line(job.command)), _LONGEST_COMMAND)
    is_bad = job.state is not JobState.RUNNING and job.exit_code != 0
    hint = f" · /jobs {clean_line(job.id)} shows its output" if job.state is JobState.RUNNING else ""
    return Note(f"job {clean_line(job.id)} {_fate(job)}: {command}{hint}", "·", Style.WARNING if is_bad else Style.DIM)


def _fate(job: Job) -> str:
    match job.state:
        case JobState.RUNNING:
            return "runs in the background, also when dsterm ends" if job.survives else "runs in the background"
        case JobState.ENDED if job.exit_code is not None:
            return f"ended, exit {job.exit_code}"
        case JobState.STOPPED:
            return "was stopped"
        case _:
            return str(job.state)


PLAN_NOTE = Note("that is a plan; nothing was changed")
"""Stands below a plan, where it is decided about."""


def plan_note(event: PlanDecided) -> Note:
    """What the user made of a plan."""
    match event.decision:
        case PlanDecision.ACCEPTED:
            return Note("plan accepted", "●", Style.SUCCESS)
        case PlanDecision.EDITED:
            return Note("plan accepted as you edited it", "●", Style.SUCCESS)
        case PlanDecision.REJECTED:
            return Note(f"plan rejected: {event.text}" if event.text.strip() else "plan rejected", "○", Style.WARNING)


def aside_note(event: AsideEnded, title: Callable[[str], str]) -> Note:
    """What a request beside the conversation was for, who answered it, and what it cost."""
    ended = event.ended
    dollars = ended.cost.total if ended.cost else None
    is_estimate = ended.usage is not None and ended.usage.is_estimate
    money = format_money(dollars, is_estimate=is_estimate, is_fine=True) if dollars is not None else "cost unknown"
    demo = ", owed to nobody" if ended.is_demo else ""
    failed = " · failed" if ended.failure is not None else ""
    return Note(f"{clean_line(event.purpose)}: {clean_line(title(ended.model))}, {money}{demo}{failed}")
