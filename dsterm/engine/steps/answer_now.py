"""Answer now: a turn that was stopped in mid-reasoning is answered in Non-think, with what had been thought.

Servers leave earlier reasoning out of the prompt in Non-think, so it goes into the note of the new turn.
"""

from __future__ import annotations

from dsterm.core.errors import UsageError
from dsterm.core.events import TurnEnd, TurnEnded
from dsterm.core.messages import AssistantMessage
from dsterm.core.models import Forecast, ThinkingMode
from dsterm.core.pricing import prompt_cost
from dsterm.engine.live import LiveSession
from dsterm.engine.steps.requests import forecast_next

PROMPT = "Answer now."
MOST_CHARACTERS = 40_000
"""Of the thoughts, some 10,000 tokens: their end, which is nearest to the answer."""

_TAG = "earlier-thoughts"


async def run_answer_now(live: LiveSession) -> TurnEnded:
    """The turn; UsageError when nothing was stopped in mid-reasoning, or something was sent since."""
    stopped = _stopped(live)
    if stopped is None:
        raise UsageError(
            "There is nothing to answer now: only a turn that was stopped while it was reasoning has that."
        )
    from dsterm.engine.turn import run_turn  # noqa: PLC0415  the offer is looked for at every frame, the turn is rare

    live.turn_mode = ThinkingMode.NON_THINK
    try:
        return await run_turn(live, PROMPT, thoughts_note(stopped.reasoning))
    finally:
        live.turn_mode = None


def answer_now_forecast(live: LiveSession) -> Forecast | None:
    """What "Answer now" would send; None where it isn't offered. Cheap enough for every frame."""
    stopped = _stopped(live)
    if stopped is None:
        return None
    key = ("answer-now", live.model.provider, live.model.id, len(live.session.messages), live.parts.counter.is_exact)
    forecast = live.forecasts.get(key)
    if forecast is None:
        forecast = live.forecasts[key] = _forecast(live, thoughts_note(stopped.reasoning))
    return forecast


def thoughts_note(reasoning: str) -> str:
    """The thoughts so far, marked as the model's own: the end of them where they are long, saying how much is left out."""
    # The mark can't be closed from inside.
    text = reasoning.strip().replace(f"</{_TAG}", f"<\\/{_TAG}")
    left_out = max(0, len(text) - MOST_CHARACTERS)
    missing = f" The first {left_out:,} characters of it are left out." if left_out else ""
    return (
        "[Your reasoning was stopped before you answered. What you had thought so far stands here, in your own words."
        f"{missing} Don't begin anew: answer from it now, and say what you are not sure of.]\n"
        f"<{_TAG}>\n{text[left_out:]}\n</{_TAG}>"
    )


def _forecast(live: LiveSession, note: str) -> Forecast:
    plain = forecast_next(live, mode=ThinkingMode.NON_THINK)
    tokens = live.parts.counter.count(f"{note}\n\n{PROMPT}")
    added = prompt_cost(tokens, 0, live.model.price_at(live.parts.clock.now()))
    dollars = None if plain.dollars is None or added is None else plain.dollars + added
    return Forecast(prompt_tokens=plain.prompt_tokens + tokens, cached_tokens=plain.cached_tokens, dollars=dollars)


def _stopped(live: LiveSession) -> AssistantMessage | None:
    """The message that was stopped in mid-reasoning, when it is the last thing of the conversation."""
    message = live.session.messages[-1] if live.session.messages else None
    if not isinstance(message, AssistantMessage) or not message.is_cut or not message.reasoning.strip():
        return None
    if message.content or message.tool_calls or message.mode is ThinkingMode.NON_THINK:
        return None
    for envelope in reversed(live.journal.envelopes):
        match envelope.event:
            case TurnEnded(reason=reason):
                return message if reason is TurnEnd.INTERRUPTED else None
            case _:
                pass
    return None
