"""The forecast's part in a turn, loaded with the first one: the first frame waits for none of it."""

from __future__ import annotations

import asyncio

from dsterm.core.events import TurnEnded
from dsterm.engine.live import LiveSession


async def know_past(live: LiveSession) -> None:
    """Load what past answers were like, beside the event loop, where that is not done yet."""
    if live.parts.index is not None and not live.parts.past.is_loaded:
        await asyncio.to_thread(live.parts.past.load, live.parts.index)


async def settle_price(live: LiveSession, prompt: str, data: str, *, is_typed: bool) -> str | TurnEnded:
    """The prompt where the turn may begin; else the end of one that never began, since it was not wanted at its price."""
    from dsterm.engine.forecasting import asking  # noqa: PLC0415  after the first frame

    return await asking.settle_price(live, prompt, data, is_typed=is_typed)


async def settle_switch(live: LiveSession) -> None:
    """Between two steps: ask about a switch that makes the next one dear."""
    from dsterm.engine.forecasting import asking  # noqa: PLC0415  after the first frame

    await asking.settle_switch(live)
