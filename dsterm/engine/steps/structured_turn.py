"""A turn whose answer is to be one JSON value."""

from __future__ import annotations

from dsterm.core.events import TurnEnded
from dsterm.core.provider import ResponseFormat
from dsterm.engine.live import LiveSession
from dsterm.engine.turn import run_turn


async def run_structured(live: LiveSession, prompt: str, data: str, wanted: ResponseFormat) -> TurnEnded:
    """As `run_turn`; UNFIT where the answer is still not `wanted` after one repair. The mode of the session stays."""
    live.answer_format = wanted
    try:
        return await run_turn(live, prompt, data, is_typed=True)
    finally:
        live.answer_format = None
