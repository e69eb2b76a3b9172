"""Two refusals that another request can answer: missing reasoning is filled in, and an output cap that is too large lowered."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from dsterm.context.window import LEAST_OUTPUT, output_room
from dsterm.core.messages import AssistantMessage
from dsterm.core.models import Forecast, ProviderCard
from dsterm.core.provider import Failure, FailureKind, Request
from dsterm.core.wire_events import Intervened, Intervention
from dsterm.engine.steps.learned import REFILL

_MARGIN_TOKENS = 64
"""Kept free beside a prompt that the server itself has counted."""

_USUAL_FIELD = "reasoning_content"
"""A request with a placeholder of its own carries reasoning under this name too, whatever the provider calls it."""


class Mended(msgspec.Struct, frozen=True):
    """The request to send instead, and the words for what was changed in it."""

    request: Request
    change: Intervened


def mended(request: Request, forecast: Forecast, failure: Failure, provider: ProviderCard) -> Mended | None:
    """What may work where `provider` refused `request` with `failure`; None where nothing can be done."""
    match failure.kind:
        case FailureKind.REASONING_MISSING:
            return _refilled(request, provider)
        case FailureKind.CONTEXT_OVERFLOW if failure.window:
            return _lowered(request, forecast, failure.window, failure.asked_tokens)
        case _:
            return None


def _refilled(request: Request, provider: ProviderCard) -> Mended | None:
    """All reasoning there is was sent, so what was refused is the blank that stands where there was none, or its name."""
    answers = [message for message in request.messages if isinstance(message, AssistantMessage)]
    affected = len(answers)
    if provider.replay_field == _USUAL_FIELD:
        affected = sum(not answer.reasoning for answer in answers)
    if not affected or request.placeholder == REFILL:
        return None
    those = "1 earlier answer" if affected == 1 else f"{affected} earlier answers"
    text = f"{provider.title} misses the reasoning of {those}; sent again with “{REFILL}” where there was none."
    return Mended(replace(request, placeholder=REFILL), Intervened(kind=Intervention.REASONING_REFILLED, text=text))


def _lowered(request: Request, forecast: Forecast, window: int, prompt: int | None) -> Mended | None:
    """Less room for the answer, where the prompt leaves enough of the window that the server named."""
    if prompt is None:
        room = output_room(replace(request.model, context_window=window), forecast.prompt_tokens)
    else:
        room = window - prompt - _MARGIN_TOKENS
    if not LEAST_OUTPUT <= room < request.max_tokens:
        return None
    text = (
        f"The window of {request.model.short_title} is {window:,} tokens here; "
        f"sent again with room for an answer of {room:,} tokens instead of {request.max_tokens:,}."
    )
    return Mended(replace(request, max_tokens=room), Intervened(kind=Intervention.OUTPUT_LOWERED, text=text))
