"""What an attempt comes to: usage, price and cost, whether the server counted it or not.

Where no count came, ours is booked and marked. What costs something without one:
- all of which a token came, whatever happened then: the prompt and those tokens;
- what the server was heard about (a status of 200, a comment) and did not refuse: it has the prompt by then and bills it,
  whether the stream was cut or the user stopped it;
- what went out whole and was then stopped, by the user or because nobody answered in time: a server bills a prompt that it
  reads, and is not told in time that nobody wants the answer any more.
What costs nothing: what did not go out whole; what was refused, by status or by an error ahead of the first token; and what
the connection broke under before a single byte came back, since nobody can have worked on that for long.
"""

from __future__ import annotations

from msgspec.structs import replace

from dsterm.core.events import StepEnded
from dsterm.core.models import Usage
from dsterm.core.pricing import cost_of
from dsterm.core.provider import Failure, FailureKind, StopReason
from dsterm.engine.steps.attempt import Attempt
from dsterm.llm.answer_tokens import answer_tokens

_SHOWN_LEAK = 2_000
_SHOWN_LEAKS = 20
"""What of leaked markup is kept: the first so many places, so many characters of each."""


def bill(attempt: Attempt, stop: StopReason, failure: Failure | None) -> StepEnded:
    """The end of the step that `attempt` makes, at the price of the model that answered when it was asked.

    Where the answer names the model that was asked in another of its spellings, the step has the catalog's.
    """
    asked, assembler, catalog = attempt.request.model, attempt.assembler, attempt.live.parts.catalog
    served = assembler.served_by or asked.id
    if catalog.is_same_model(asked, served):
        served = asked.id
    price = catalog.priced(asked.provider, served, attempt.began)
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
    if not (attempt.has_text or is_answer or _has_prompt(attempt, failure)):
        return None
    assembler = attempt.assembler
    lost = "".join(leak.text for leak in assembler.leaked if not leak.recovered)
    tokens = answer_tokens(
        attempt.live.parts.counter, assembler.reasoning, assembler.content + lost, assembler.tool_calls
    )
    return Usage(
        prompt_tokens=attempt.forecast.prompt_tokens,
        cached_tokens=attempt.forecast.cached_tokens,
        completion_tokens=tokens.output,
        reasoning_tokens=tokens.reasoning,
        is_estimate=True,
    )


def _has_prompt(attempt: Attempt, failure: Failure | None) -> bool:
    """Whether the server has a prompt that it did not refuse."""
    if failure is None:
        return attempt.was_sent or attempt.was_heard
    if failure.status:
        return False
    return attempt.was_heard or (attempt.was_sent and failure.kind is FailureKind.TIMEOUT)


def _has_reasoned(attempt: Attempt, usage: Usage | None) -> bool | None:
    if attempt.assembler.reasoning.strip() or (usage is not None and usage.reasoning_tokens > 0):
        return True
    return False if attempt.has_text else None
