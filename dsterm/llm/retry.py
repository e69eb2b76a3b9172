"""Whether a failed request is sent again, and after how long.

What may change by itself is retryable: 408, 409, 425, 429, 5xx, a connection that was refused, reset, cut or came too late.
What won't (other 4xx, a wrong key, an empty account, certificates, a server on this machine that isn't there) is not.
"""

from __future__ import annotations

from collections.abc import Callable

from dsterm.core.provider import Failure, FailureKind

MAX_RETRIES = 4
MAX_RETRIES_AFTER_TIMEOUT = 2
"""What took minutes to fail is not waited for another four times."""

MAX_RETRY_AFTER = 60.0
"""Seconds; a server that asks for a longer wait is not waited for."""

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 10.0
_SPREAD = 0.1
_MONTH = 31 * 86_400.0


def wait_before_retry(failure: Failure, attempt: int, jitter: Callable[[], float]) -> float | None:
    """Seconds to wait before retry number `attempt` (from 1), or None when it is not to be sent again.

    Waits double from 0.5 s to 10 s, ±10 % by `jitter` (a number from 0 to 1), and are never shorter than the server asked for.
    """
    most = MAX_RETRIES_AFTER_TIMEOUT if failure.kind is FailureKind.TIMEOUT else MAX_RETRIES
    if not failure.is_retryable or attempt > most:
        return None
    asked = failure.retry_after or 0.0
    if asked > MAX_RETRY_AFTER:
        return None
    wait = min(_FIRST_WAIT * 2.0 ** (attempt - 1), _LONGEST_WAIT)
    return max(asked, wait * (1 - _SPREAD + 2 * _SPREAD * jitter()))


def as_duration(seconds: float) -> str:
    """`seconds` as a reader says it: "45 seconds", "5 minutes", "3 hours"."""
    if seconds > _MONTH:
        return "more than a month"
    for unit, size in (("hour", 3600.0), ("minute", 60.0)):
        if seconds >= 2 * size or seconds == size:
            count = round(seconds / size)
            return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    count = round(seconds) if seconds >= 1 else 1
    return f"{count} second" if count == 1 else f"{count} seconds"
