"""One turn: steps until the model stops asking for tools, or something stops it. Every turn ends with TurnEnded."""

from __future__ import annotations

import asyncio
from functools import partial

from msgspec.structs import replace

from dsterm.context.data_marks import holds_data
from dsterm.core.commands import Job
from dsterm.core.errors import DstermError
from dsterm.core.events import NoticeLevel, Steered, TurnEnd, TurnEnded, TurnStarted
from dsterm.core.models import PermissionMode
from dsterm.core.provider import Request
from dsterm.engine.branch import branch
from dsterm.engine.calls.deciding import may_run_in_the_open
from dsterm.engine.check_loop import CheckLoop
from dsterm.engine.live import LiveSession
from dsterm.engine.masked_words import masked_words
from dsterm.engine.planning import PLAN_NOTE, PLAN_OVER_NOTE
from dsterm.engine.steps.following import after_step
from dsterm.engine.steps.requests import next_request
from dsterm.engine.steps.rules import check_caps
from dsterm.engine.steps.step import run_step
from dsterm.engine.steps.structured import asked_format, format_note
from dsterm.engine.typed_keys import settle_keys
from dsterm.engine.undoing.undo_words import model_note


async def run_turn(live: LiveSession, prompt: str, data: str = "") -> TurnEnded:
    """Answer `prompt`; how the turn ended. `data` goes to the model with it and is not shown as the user's words.

    Events go out through `live`; nothing is raised for what a provider, a tool or the user does.
    """
    ended = TurnEnded(reason=TurnEnd.FAILED, text="dsterm failed inside; see the log. Nothing that was shown is lost.")
    settled = await settle_keys(live, prompt)
    if isinstance(settled, TurnEnded):
        live.emit(settled)
        return settled
    mode = live.turn_mode
    try:
        await _begin(live, settled, data)
        ended = await _checked_steps(live)
        live.repo = await live.parts.repo_state()
    except DstermError as error:
        ended = TurnEnded(reason=TurnEnd.FAILED, text=str(error))
    except asyncio.CancelledError:
        ended = TurnEnded(reason=TurnEnd.INTERRUPTED, text="stopped")
    finally:
        if live.turn_mode is not mode:
            # A part of it was asked for in another mode, and a resumed session would go on in that.
            live.turn_mode = mode
            live.choose_mode(live.mode)
        live.emit(ended)
    return ended


async def _begin(live: LiveSession, prompt: str, data: str) -> None:
    """Begin the turn; one that is stopped before anything else has begun all the same, and its prompt is not lost."""
    try:
        live.repo = await live.parts.repo_state()
    finally:
        note = "\n\n".join(filter(None, (_note(live), data)))
        live.emit(TurnStarted(prompt=prompt, note=note, mode=live.turn_mode))


async def _checked_steps(live: LiveSession) -> TurnEnded:
    """Steps until the model has answered and, where it edited, the user's checks pass or went back to it often enough."""
    checks = CheckLoop(live, partial(may_run_in_the_open, live))
    while True:
        ended = await _steps(live)
        failed = await checks.after(ended)
        if failed is None:
            return ended
        live.emit(failed)


async def _steps(live: LiveSession) -> TurnEnded:
    steps = 0
    while True:
        for text in live.steering:
            live.emit(Steered(text=masked_words(live, text)))
        live.steering.clear()
        stop = check_caps(live, steps)
        if stop is not None:
            return stop
        planned = next_request(live)
        if isinstance(planned, TurnEnded):
            return planned
        if planned.warning:
            live.notice(planned.warning, NoticeLevel.WARNING)
        steps += 1
        ended = await run_step(live, _formed(live, planned.request), planned.forecast)
        over = await after_step(live, ended)
        if over is not None:
            return over


def _formed(live: LiveSession, request: Request) -> Request:
    """`request`, asking for an answer in the form that was asked for, as far as the provider can be."""
    if live.answer_format is None:
        return request
    return replace(request, response_format=asked_format(live.answer_format, live.provider))


def _note(live: LiveSession) -> str:
    """What the model should know before this prompt: where it is, once; what was undone; that plan mode began or ended."""
    conversation = branch(live.journal.envelopes)
    said = [envelope.event.note for envelope in conversation if isinstance(envelope.event, TurnStarted)]
    notes = [model_note(conversation)]
    notes += [_job_note(job) for job in live.ended_jobs]
    live.ended_jobs.clear()
    if not said:
        notes.insert(0, live.parts.note(live.repo))
    if live.answer_format is not None:
        notes.append(format_note(live.answer_format))
    if not live.only_reads:
        notes.append(_plan_note(said, is_planning=live.permission_mode is PermissionMode.PLAN))
    return "\n".join(note for note in notes if note)


def _plan_note(said: list[str], *, is_planning: bool) -> str:
    """That plan mode began or ended since the last of the notes that were `said`; empty when neither did."""
    own = [note for note in said if not holds_data(note)]
    was_planning = next((PLAN_NOTE in note for note in reversed(own) if _is_about_plans(note)), False)
    if is_planning == was_planning:
        return ""
    return PLAN_NOTE if is_planning else PLAN_OVER_NOTE


def _job_note(job: Job) -> str:
    ending = f"exit code {job.exit_code}" if job.exit_code is not None else job.state.value
    return f'[Job {job.id} in the background is over: {ending}. job(id="{job.id}", action="read") shows its output.]'


def _is_about_plans(text: str) -> bool:
    return PLAN_NOTE in text or PLAN_OVER_NOTE in text
