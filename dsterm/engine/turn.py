"""One turn: steps until the model stops asking for tools, or something stops it. Every turn ends with TurnEnded."""

from __future__ import annotations

import asyncio
from functools import partial

from dsterm.context.data_marks import holds_data
from dsterm.core.commands import Job
from dsterm.core.errors import DstermError
from dsterm.core.events import NoticeLevel, Steered, StepEnded, TurnEnd, TurnEnded, TurnStarted
from dsterm.core.messages import AssistantMessage
from dsterm.core.models import PermissionMode
from dsterm.core.provider import StopReason
from dsterm.engine.branch import branch
from dsterm.engine.calls.deciding import may_run_in_the_open
from dsterm.engine.calls.tool_run import refuse_cut_calls, run_calls
from dsterm.engine.check_loop import CheckLoop
from dsterm.engine.live import LiveSession
from dsterm.engine.masked_words import masked_words
from dsterm.engine.planning import PLAN_NOTE, PLAN_OVER_NOTE
from dsterm.engine.steps.requests import next_request
from dsterm.engine.steps.rules import check_caps
from dsterm.engine.steps.step import run_step
from dsterm.engine.typed_keys import settle_keys
from dsterm.engine.undoing.undo_words import model_note

_CUT_OFF = frozenset({StopReason.LENGTH, StopReason.CONTENT_FILTER, StopReason.INSUFFICIENT_RESOURCE})
"""Ends that can leave a tool call half written."""


async def run_turn(live: LiveSession, prompt: str, data: str = "") -> TurnEnded:
    """Answer `prompt`; how the turn ended. `data` goes to the model with it and is not shown as the user's words.

    Events go out through `live`; nothing is raised for what a provider, a tool or the user does.
    """
    ended = TurnEnded(reason=TurnEnd.FAILED, text="dsterm failed inside; see the log. Nothing that was shown is lost.")
    settled = await settle_keys(live, prompt)
    if isinstance(settled, TurnEnded):
        live.emit(settled)
        return settled
    try:
        live.emit(TurnStarted(prompt=settled, note="\n\n".join(filter(None, (await _note(live), data)))))
        ended = await _checked_steps(live)
        live.repo = await live.parts.repo_state()
    except DstermError as error:
        ended = TurnEnded(reason=TurnEnd.FAILED, text=str(error))
    except asyncio.CancelledError:
        ended = TurnEnded(reason=TurnEnd.INTERRUPTED, text="stopped")
    finally:
        live.emit(ended)
    return ended


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
        ended = await run_step(live, planned.request, planned.forecast)
        over = await _after_step(live, ended)
        if over is not None:
            return over


async def _after_step(live: LiveSession, ended: StepEnded) -> TurnEnded | None:
    """Why the turn is over after this step, or None when tools ran and the model is to see their results."""
    if ended.failure is not None:
        return TurnEnded(reason=TurnEnd.FAILED, text=ended.failure.sentence)
    message = live.session.messages[-1]
    calls = message.tool_calls if isinstance(message, AssistantMessage) else ()
    if calls and ended.stop not in _CUT_OFF:
        await run_calls(live, calls)
        return None
    if calls:
        refuse_cut_calls(live, calls)
        if ended.stop is StopReason.LENGTH:
            return None
    match ended.stop:
        case StopReason.LENGTH:
            return TurnEnded(
                reason=TurnEnd.CUT, text="The answer was cut at the output limit. Say “continue” to go on."
            )
        case StopReason.CONTENT_FILTER:
            return TurnEnded(
                reason=TurnEnd.FAILED,
                text="The provider's content filter ended the answer. Say it in other words, or switch the model.",
            )
        case StopReason.INSUFFICIENT_RESOURCE:
            return TurnEnded(
                reason=TurnEnd.FAILED, text="The provider ran out of capacity in mid-answer. Send the prompt again."
            )
        case _ if not isinstance(message, AssistantMessage):
            return TurnEnded(
                reason=TurnEnd.FAILED,
                text="The model sent an empty answer. Send the prompt again, or switch the model.",
            )
        case _ if not message.content.strip():
            return TurnEnded(
                reason=TurnEnd.FAILED,
                text="The model reasoned but gave no answer. Send the prompt again, or switch the mode.",
            )
        case _:
            return TurnEnded(reason=TurnEnd.ANSWERED)


async def _note(live: LiveSession) -> str:
    """What the model should know before this prompt: where it is, once; what was undone; that plan mode began or ended."""
    live.repo = await live.parts.repo_state()
    conversation = branch(live.journal.envelopes)
    said = [envelope.event.note for envelope in conversation if isinstance(envelope.event, TurnStarted)]
    notes = [model_note(conversation)]
    notes += [_job_note(job) for job in live.ended_jobs]
    live.ended_jobs.clear()
    if not said:
        notes.insert(0, live.parts.note(live.repo))
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
