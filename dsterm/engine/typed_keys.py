"""A key that was typed or pasted into a prompt by mistake: noticed before it is sent, logged or remembered."""

from __future__ import annotations

from dsterm.core.events import NoticeLevel
from dsterm.core.questions import Option, QuestionAsked
from dsterm.engine.asking import ask
from dsterm.engine.live import LiveSession
from dsterm.engine.questions import DENY

_MASKED = "masked"
_AS_IT_IS = "as-it-is"


async def settle_keys(live: LiveSession, prompt: str) -> tuple[str, str]:
    """The prompt as it may be sent, and the sentence that says why it must not be (then the prompt is masked); one is final."""
    parts = live.parts
    found = parts.find_secrets(prompt)
    if not found:
        return prompt, ""
    masked, what = parts.redact(prompt), " and ".join(found)
    if not parts.can_ask:
        return masked, f"The prompt holds {what}. It was not sent; take it out and try again."
    question = QuestionAsked(
        id=parts.new_id(),
        text=f"The prompt holds {what}. It has not been sent or stored. Send it?",
        options=(
            Option(key="m", answer=_MASKED, label="masked"),
            Option(key="s", answer=_AS_IT_IS, label="as it is"),
            Option(key="n", answer=DENY, label="no"),
        ),
    )
    answer = (await ask(live, question)).answer
    if answer == _AS_IT_IS:
        return prompt, ""
    return masked, "" if answer == _MASKED else f"Not sent: the prompt holds {what}."


def masked_steering(live: LiveSession, text: str) -> str:
    """Words for a running turn; what looks like a key in them is masked, as there is no time to ask."""
    found = live.parts.find_secrets(text)
    if not found:
        return text
    live.notice(f"Masked {' and '.join(found)} in what you said to the model.", NoticeLevel.WARNING)
    return live.parts.redact(text)
