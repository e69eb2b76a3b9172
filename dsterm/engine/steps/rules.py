"""What is checked before each step: caps on requests. Small functions that end the turn, with the reason, or let it go on."""

from __future__ import annotations

from dsterm.core.events import TurnEnd, TurnEnded
from dsterm.engine.live import LiveSession


def check_caps(live: LiveSession, steps: int) -> TurnEnded | None:
    """The end of the turn when the run's or the turn's cap on model requests is reached; `steps` were made in this turn."""
    config = live.parts.config
    if config.max_turns is not None and live.totals.requests >= config.max_turns:
        return TurnEnded(
            reason=TurnEnd.MAX_TURNS,
            text=f"Stopped after {live.totals.requests} model requests (--max-turns). "
            "Nothing was lost; --continue goes on.",
        )
    if steps >= config.max_steps:
        return TurnEnded(
            reason=TurnEnd.MAX_TURNS,
            text=f"Stopped after {steps} steps in one turn (max_steps). Nothing was lost; say “continue” to go on.",
        )
    return None
