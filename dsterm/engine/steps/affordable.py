"""Whether the budget covers one more try at a request: what was cut or refused in mid-answer may have been billed too."""

from __future__ import annotations

from msgspec.structs import replace

from dsterm.core.events import NoticeLevel
from dsterm.core.provider import Failure, Request, StopReason
from dsterm.engine.steps.attempt import Attempt
from dsterm.engine.steps.booking import bill
from dsterm.policy.budget import allowance


def affordable(attempt: Attempt, failure: Failure, *, is_booked: bool = False) -> Request | None:
    """The request of `attempt`, which ended with `failure`, for another try; `is_booked` where its own cost is already.

    It is the same unless the budget leaves less room for the answer than before; None where it leaves too little for any.
    """
    live, request = attempt.live, attempt.request
    budget = live.parts.config.budget
    if budget is None or attempt.provider.is_demo:
        return request
    spent = live.totals.dollars
    ended = bill(attempt, StopReason.FAILED, failure)
    if not is_booked and spent is not None and ended.usage is not None:
        spent = None if ended.cost is None else spent + ended.cost.total
    allowed = allowance(budget, spent, attempt.forecast.prompt_tokens, request.model.price)
    if allowed.stop:
        if failure.is_retryable:
            live.notice(f"It is not tried again: {allowed.stop}", NoticeLevel.WARNING)
        return None
    cap = request.max_tokens if allowed.output_cap is None else min(request.max_tokens, allowed.output_cap)
    return request if cap == request.max_tokens else replace(request, max_tokens=cap)
