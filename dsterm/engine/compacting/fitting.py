"""Whether the conversation is to be made shorter: looked at before each request and after each turn, so it is cheap.

How that is done is imported when it is first needed.
"""

from __future__ import annotations

from dsterm.context.window import LEAST_OUTPUT, output_room
from dsterm.core.events import TurnEnd, TurnEnded
from dsterm.engine.live import LiveSession
from dsterm.engine.steps.requests import PlannedRequest, forecast_next, next_request

_COMFORT_PERCENT = 2
_LEAST_COMFORT = 1_536
_MOST_COMFORT = 16_384
"""Room for an answer, as a share of the window and in tokens: with less, most answers would be cut."""

_FULL_PERCENT = 70
_LEAST_TOKENS = 20_000
"""Of conversation, packs not counted; less is not worth an offer."""

_GROWN_PERCENT = 150


async def fitting_request(live: LiveSession) -> PlannedRequest | TurnEnded:
    """The next request; the conversation is made shorter first where it does not fit the window, or leaves an answer no room.

    ContextOverflow where it can't be made to fit, DiskError when an attached pack is gone.
    """
    window = live.card(live.model).context_window
    if has_room(live, min(_MOST_COMFORT, max(_LEAST_COMFORT, window * _COMFORT_PERCENT // 100))):
        return next_request(live)
    from dsterm.engine.compacting.edge import request_at_edge  # noqa: PLC0415  few sessions get there

    return await request_at_edge(live)


def has_room(live: LiveSession, room: int = LEAST_OUTPUT) -> bool:
    """Whether the next request leaves `room` tokens for its answer, or all that are wanted."""
    left = output_room(live.card(live.model), forecast_next(live).prompt_tokens)
    return left >= min(room, live.parts.config.max_output)


def after_turn(live: LiveSession, ended: TurnEnded) -> None:
    """Offer /compact where it pays or the window is nearly full, and not again until the conversation has grown by half."""
    if ended.reason is not TurnEnd.ANSWERED or not live.parts.can_ask:
        return
    tokens = forecast_next(live).prompt_tokens
    is_full = tokens * 100 >= live.card(live.model).context_window * _FULL_PERCENT
    said = tokens - sum(pack.tokens for pack in live.session.packs)
    told_at, was_full = live.offered
    is_told = tokens * 100 < told_at * _GROWN_PERCENT and (was_full or not is_full)
    if is_told or not (is_full or said >= _LEAST_TOKENS):
        return
    from dsterm.engine.compacting.offer import offer_words  # noqa: PLC0415  few sessions get there

    words = offer_words(live, is_full=is_full)
    if words:
        live.offered = tokens, is_full
        live.notice(words)
