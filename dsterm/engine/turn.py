"""One turn: steps until the model stops asking for tools, or something stops it. Every turn ends with TurnEnded."""

from __future__ import annotations

import asyncio
from functools import partial

from msgspec.structs import replace

from dsterm.core.errors import DstermError
from dsterm.core.events import NoticeLevel, Steered, TurnEnd, TurnEnded, TurnStarted
from dsterm.core.provider import Request
from dsterm.engine.attaching.later import offer_snapshot, tell_changes
from dsterm.engine.calls.deciding import may_run_in_the_open
from dsterm.engine.check_loop import CheckLoop
from dsterm.engine.compacting.fitting import after_turn, fitting_request
from dsterm.engine.forecasting.later import know_past, settle_price, settle_switch
from dsterm.engine.instructing import settle_instructions
from dsterm.engine.live import LiveSession
from dsterm.engine.masked_words import masked_words
from dsterm.engine.mentioning.resolved import Resolved, resolve_mentions
from dsterm.engine.steps.following import after_step
from dsterm.engine.steps.rules import check_caps
from dsterm.engine.steps.step import run_step
from dsterm.engine.steps.structured import asked_format
from dsterm.engine.turn_note import turn_note
from dsterm.engine.typed_keys import settle_keys


async def run_turn(live: LiveSession, prompt: str, data: str = "", *, is_typed: bool = False) -> TurnEnded:
    """Answer `prompt`; how the turn ended. `data` goes to the model with it and is not shown as the user's words.

    `is_typed`: the user wrote the prompt, so what it mentions with `@` is meant, read and sent with it.

    Events go out through `live`; nothing is raised for what a provider, a tool or the user does.
    """
    ended = TurnEnded(reason=TurnEnd.FAILED, text="dsterm failed inside; see the log. Nothing that was shown is lost.")
    settled = await settle_keys(live, prompt)
    if not isinstance(settled, TurnEnded):
        settled = await settle_price(live, settled, data, is_typed=is_typed)
    if isinstance(settled, TurnEnded):
        live.emit(settled)
        return settled
    mode = live.turn_mode
    try:
        await _begin(live, settled, data, is_typed=is_typed)
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
    after_turn(live, ended)
    offer_snapshot(live, ended)
    return ended


async def _begin(live: LiveSession, prompt: str, data: str, *, is_typed: bool) -> None:
    """Begin the turn; one that is stopped before anything else has begun all the same, and its prompt is not lost."""
    mentioned, changed = Resolved(), ""
    try:
        live.repo, _ = await asyncio.gather(live.parts.repo_state(), know_past(live))
        await tell_changes(live, is_prompt=True)
        changed = await settle_instructions(live)
        if is_typed:
            mentioned = await resolve_mentions(live, prompt)
    finally:
        note = "\n\n".join(filter(None, (turn_note(live), changed, data, mentioned.note)))
        live.ended_jobs.clear()
        live.emit(TurnStarted(prompt=prompt, note=note, mode=live.turn_mode, mentions=mentioned.mentions))
        mentioned.tell(live)


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
        while live.steering:
            text = masked_words(live, live.steering[0])
            mentioned = await resolve_mentions(live, text)
            del live.steering[0]
            live.emit(Steered(text=text, note=mentioned.note, mentions=mentioned.mentions))
            mentioned.tell(live)
        if steps:
            await tell_changes(live, is_prompt=False)
            await settle_switch(live)
        stop = check_caps(live, steps)
        if stop is not None:
            return stop
        planned = await fitting_request(live)
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
