"""What dsterm adds to a prompt for the model alone; asked for before it is sent too, by the forecast."""

from __future__ import annotations

from dsterm.context.data_marks import own_words
from dsterm.core.commands import Job
from dsterm.core.events import TurnStarted
from dsterm.core.models import PermissionMode
from dsterm.engine.branch import branch
from dsterm.engine.live import LiveSession
from dsterm.engine.planning import PLAN_NOTE, PLAN_OVER_NOTE
from dsterm.engine.steps.structured import format_note
from dsterm.engine.undoing.undo_words import model_note


def turn_note(live: LiveSession) -> str:
    """What the model should know before the next prompt: where it is, once; what was undone; which jobs of its own are over; that
    plan mode began or ended.
    """
    conversation = branch(live.journal.envelopes)
    said = [envelope.event.note for envelope in conversation if isinstance(envelope.event, TurnStarted)]
    notes = [model_note(conversation)]
    notes += [_job_note(job) for job in live.ended_jobs]
    if not said:
        notes.insert(0, live.parts.note(live.repo))
    if live.answer_format is not None:
        notes.append(format_note(live.answer_format))
    if not live.only_reads:
        notes.append(_plan_note(said, is_planning=live.permission_mode is PermissionMode.PLAN))
    return "\n".join(note for note in notes if note)


def _plan_note(said: list[str], *, is_planning: bool) -> str:
    """That plan mode began or ended since the last of the notes that were `said`; empty when neither did."""
    own = [own_words(note) for note in said]
    was_planning = next((PLAN_NOTE in note for note in reversed(own) if _is_about_plans(note)), False)
    if is_planning == was_planning:
        return ""
    return PLAN_NOTE if is_planning else PLAN_OVER_NOTE


def _job_note(job: Job) -> str:
    ending = f"exit code {job.exit_code}" if job.exit_code is not None else job.state.value
    return f'[Job {job.id} in the background is over: {ending}. job(id="{job.id}", action="read") shows its output.]'


def _is_about_plans(text: str) -> bool:
    return PLAN_NOTE in text or PLAN_OVER_NOTE in text
