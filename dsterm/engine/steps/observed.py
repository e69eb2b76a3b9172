"""What an answer shows that was not asked for, each said once: another mode, another model, no count of tokens."""

from __future__ import annotations

from dsterm.core.events import StepEnded, StepStarted, TurnStarted
from dsterm.core.messages import AssistantMessage
from dsterm.core.models import ThinkingMode
from dsterm.core.provider import Request, StopReason
from dsterm.core.wire_events import Intervened, Intervention
from dsterm.engine.live import LiveSession

_WHOLE = frozenset({StopReason.STOP, StopReason.TOOL_CALLS, StopReason.LENGTH, StopReason.CONTENT_FILTER})
"""Ends that the server reached by itself, so that its count of tokens should have come."""


def tell_observed(live: LiveSession, request: Request, ended: StepEnded, message: AssistantMessage) -> None:
    """Say what `ended` shows about the provider of `request`, where it was not said before."""
    title = live.parts.catalog.provider(request.model.provider).title
    if ended.model != request.model.id:
        _tell(live, Intervention.OTHER_MODEL, _other_model(request, ended))
    if ended.usage is not None and ended.usage.is_estimate and ended.stop in _WHOLE:
        text = f"{title} sent no count of tokens, so what is shown for this request is our own estimate."
        _tell(live, Intervention.NO_USAGE, text)
    if request.mode is ThinkingMode.NON_THINK:
        if ended.has_reasoned:
            text = f"{title} did not honour Non-think: the model reasoned, and that is billed as output."
            _tell(live, Intervention.MODE_NOT_HONOURED, text)
    elif (
        ended.stop is StopReason.STOP and message.content and not message.tool_calls and _is_turn_without_thought(live)
    ):
        text = f"{title} may not honour {request.mode.label}: no reasoning came in a whole turn."
        _tell(live, Intervention.MODE_NOT_HONOURED, text)


def _tell(live: LiveSession, kind: Intervention, text: str) -> None:
    if not live.learned.was_told(kind):
        live.emit(Intervened(kind=kind, text=text))


def _other_model(request: Request, ended: StepEnded) -> str:
    price = ended.price
    billed = f"billed as that at ${price.input} / ${price.output} per 1M tokens" if price else "its price is unknown"
    return f"Asked for {request.model.id}, {ended.model} answered; {billed}."


def _is_turn_without_thought(live: LiveSession) -> bool:
    """Whether a turn that ends here brought no reasoning at all, all of it asked in one mode of one model.

    A single step proves nothing: a call that follows from the result before it needs no thought.
    """
    asked: set[tuple[str, str, ThinkingMode]] = set()
    for envelope in reversed(live.journal.envelopes):
        match envelope.event:
            case StepEnded(has_reasoned=True):
                return False
            case StepStarted(provider=provider, model=model, mode=mode):
                asked.add((provider, model, mode))
            case TurnStarted():
                break
            case _:
                pass
    return len(asked) == 1
