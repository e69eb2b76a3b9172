"""A key that was typed or pasted into a prompt by mistake: noticed before it is sent, logged or remembered."""

from __future__ import annotations

import asyncio

from dsterm.core.events import TurnEnd, TurnEnded
from dsterm.core.questions import Option, QuestionAsked
from dsterm.engine.asking import ask
from dsterm.engine.live import LiveSession
from dsterm.engine.questions import DENY

_MASKED = "masked"
_AS_IT_IS = "as-it-is"


async def settle_keys(live: LiveSession, prompt: str) -> str | TurnEnded:
    """The prompt as it may be sent, or, where it must not be, the end of a turn that never began."""
    parts = live.parts
    found = parts.find_secrets(prompt)
    if not found:
        return prompt
    what = " and ".join(found)
    if not parts.can_ask:
        text = f"The prompt holds {what}. It was not sent; take it out and try again."
        return TurnEnded(reason=TurnEnd.FAILED, text=text)
    question = QuestionAsked(
        id=parts.new_id(),
        text=f"The prompt holds {what}. It has not been sent or stored. Send it?",
        options=(
            Option(key="m", answer=_MASKED, label="masked"),
            Option(key="s", answer=_AS_IT_IS, label="as it is"),
            Option(key="n", answer=DENY, label="no"),
        ),
    )
    try:
        answer = (await ask(live, question)).answer
    except asyncio.CancelledError:
        return TurnEnded(reason=TurnEnd.INTERRUPTED, text="stopped; the prompt was not sent")
    if answer == _AS_IT_IS:
        return prompt
    if answer == _MASKED:
        return parts.redact(prompt)
    return TurnEnded(reason=TurnEnd.FAILED, text=f"Not sent: the prompt holds {what}.")
