"""Asks before a send that is dearer than the user may expect, wherever it comes from: Enter, the queue, a command, a plan.

The engine asks, so that no front end can forget to. Where nobody can be asked it says so once and goes on: a budget is what
holds spending there.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal

from dsterm.core.errors import DstermError
from dsterm.core.events import ModeChanged, ModelChanged, NoticeLevel, StepStarted, TurnEnd, TurnEnded
from dsterm.core.forecasts import SendForecast
from dsterm.core.questions import Option, QuestionAsked
from dsterm.engine.asking import ask
from dsterm.engine.forecasting.sending import Addition, forecast_send
from dsterm.engine.live import LiveSession
from dsterm.engine.questions import DENY, ONCE
from dsterm.engine.steps.requests import card_at
from dsterm.engine.turn_note import turn_note
from dsterm.render.forecast_chip import price_range
from dsterm.render.wording import format_money

SEND_KEY = "Enter"
"""The key that sends after all: the one that was pressed first."""

_MENTION = "@"
_ABOUT = Decimal("1.1")
"""What was accepted holds for so much more of it: a prompt that failed stands in the next send."""


async def settle_price(live: LiveSession, prompt: str, data: str, *, is_typed: bool) -> str | TurnEnded:
    """The prompt where the turn may begin; else the end of one that never began, since it was not wanted at that price."""
    if not _may_ask(live):
        return prompt
    try:
        addition = await _addition(live, prompt, data, has_mentions=is_typed and _MENTION in prompt)
        found = forecast_send(live, addition)
        if not found.is_above or _is_accepted(live, found):
            return prompt
        if not live.parts.can_ask:
            _tell_once(live, found)
            return prompt
        is_wanted = await _is_wanted(live, price_question(live.parts.new_id(), found, "keep it as a draft"))
    except asyncio.CancelledError:
        return TurnEnded(reason=TurnEnd.INTERRUPTED, text="stopped; the prompt was not sent")
    if not is_wanted:
        return TurnEnded(reason=TurnEnd.INTERRUPTED, text="not sent; nothing was spent")
    live.accepted = _place(live), found.extra
    return prompt


async def settle_switch(live: LiveSession) -> None:
    """In the middle of a turn: where the user has just switched and that is dear, ask; who says no goes on as before."""
    if not (live.parts.can_ask and _may_ask(live) and _has_switched(live)):
        return
    found, sent = forecast_send(live, Addition()), live.session.sent
    former = card_at(live, sent.place) if sent else None
    if not found.is_above or _is_accepted(live, found) or sent is None or former is None:
        return
    back = f"go on with {former.short_title}, {sent.mode.label}"
    if await _is_wanted(live, price_question(live.parts.new_id(), found, back)):
        live.accepted = _place(live), found.extra
        return
    if former != live.model:
        live.choose_model(former)
    if sent.mode is not live.mode:
        live.choose_mode(sent.mode)


def price_question(question_id: str, found: SendForecast, no: str) -> QuestionAsked:
    """Ask whether to send it all the same."""
    return QuestionAsked(
        id=question_id,
        text=f"{price_sentence(found)} Send it?",
        options=(Option(key=SEND_KEY, answer=ONCE, label="send"), Option(key="n", answer=DENY, label=no)),
    )


def price_sentence(found: SendForecast) -> str:
    """What it costs, how much of that could have been spared, and why it is not."""
    extra = format_money(found.extra, is_estimate=True)
    return f"This send costs {price_range(found.forecast)}, {extra} of it because {found.words}."


def _may_ask(live: LiveSession) -> bool:
    return live.parts.config.ask_above > 0 and not live.provider.is_demo


async def _is_wanted(live: LiveSession, question: QuestionAsked) -> bool:
    return (await ask(live, question)).answer == ONCE


async def _addition(live: LiveSession, prompt: str, data: str, *, has_mentions: bool) -> Addition:
    count = live.parts.counter.count
    mentions = await _mentioned(live, prompt) if has_mentions else 0
    return Addition(draft=count(prompt) + count(data), mentions=mentions, note=count(turn_note(live)))


async def _mentioned(live: LiveSession, prompt: str) -> int:
    """Tokens of what is mentioned; what can't be read is told when the turn reads it."""
    from dsterm.engine.mentioning.weighing import Weighing  # noqa: PLC0415  only where something may be mentioned

    try:
        return sum(mention.tokens for mention in await Weighing(live.parts).weigh(prompt))
    except DstermError:
        return 0


def _is_accepted(live: LiveSession, found: SendForecast) -> bool:
    """Whether the user said yes to as much already, and the cache has got nothing since: the send before failed."""
    if live.accepted is None or found.extra is None:
        return False
    place, extra = live.accepted
    return place == _place(live) and extra is not None and found.extra <= extra * _ABOUT


def _place(live: LiveSession) -> object:
    """Where a send goes, and what of it is kept there."""
    kept = tuple(live.session.kept.items())
    return live.model.provider, live.model.id, live.sending_mode, kept, live.session.packs


def _has_switched(live: LiveSession) -> bool:
    """Whether the user chose another model or mode since the last request."""
    for envelope in reversed(live.journal.envelopes):
        match envelope.event:
            case ModelChanged() | ModeChanged():
                return True
            case StepStarted():
                return False
            case _:
                pass
    return False


def _tell_once(live: LiveSession, found: SendForecast) -> None:
    if not live.has_told_price:
        live.has_told_price = True
        live.notice(f"{price_sentence(found)} --budget USD stops a run before it costs more.", NoticeLevel.WARNING)
