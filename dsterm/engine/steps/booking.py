"""What an attempt comes to: usage, price and cost, whether the server counted it or not.

Where no count came, ours is booked and marked. An attempt without a single token is booked too once the server was heard and
did not refuse: it has the prompt by then and will bill it, whether the stream was cut or the user stopped it. What the server
refused, or never gave a sign of having received, costs nothing.
"""

from __future__ import annotations

from msgspec.structs import replace

from dsterm.core.events import StepEnded
from dsterm.core.models import Usage
from dsterm.core.pricing import cost_of
from dsterm.core.provider import Failure, StopReason
from dsterm.engine.steps.attempt import Attempt

_SHOWN_LEAK = 2_000
_SHOWN_LEAKS = 20
"""What of leaked markup is kept: the first so many places, so many characters of each."""


def bill(attempt: Attempt, stop: StopReason, failure: Failure | None) -> StepEnded:
    """The end of the step that `attempt` makes, at the price of the model that answered when it was asked."""
    asked, assembler = attempt.request.model, attempt.assembler
    served = assembler.served_by or asked.id
    price = attempt.live.parts.catalog.priced(asked.provider, served, attempt.began)
    usage = assembler.usage or _estimate(attempt, stop, failure)
    return StepEnded(
        stop=stop,
        model=served,
        response_id=assembler.response_id,
        has_reasoned=_has_reasoned(attempt, usage),
        usage=usage,
        cost=None if usage is None else cost_of(usage, price),
        price=price,
        timings=attempt.timings(),
        failure=failure,
        is_demo=attempt.provider.is_demo,
        leaked=tuple(replace(leak, text=leak.text[:_SHOWN_LEAK]) for leak in assembler.leaked[:_SHOWN_LEAKS]),
    )


def _estimate(attempt: Attempt, stop: StopReason, failure: Failure | None) -> Usage | None:
    is_answer = failure is None and stop is not StopReason.INTERRUPTED
    is_refused = failure is not None and failure.status != 0
    if not (attempt.has_text or is_answer or (attempt.was_heard and not is_refused)):
        return None
    return Usage(
        prompt_tokens=attempt.forecast.prompt_tokens,
        cached_tokens=attempt.forecast.cached_tokens,
        completion_tokens=attempt.output_tokens,
        reasoning_tokens=attempt.reasoning_tokens,
        is_estimate=True,
    )


def _has_reasoned(attempt: Attempt, usage: Usage | None) -> bool | None:
    if attempt.assembler.reasoning.strip() or (usage is not None and usage.reasoning_tokens > 0):
        return True
    return False if attempt.has_text else None
