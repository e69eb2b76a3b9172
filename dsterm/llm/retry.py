"""Whether a failed request is sent again, and after how long."""

from __future__ import annotations

from collections.abc import Callable

from dsterm.core.provider import Failure

MAX_RETRIES = 4
MAX_RETRY_AFTER = 60.0
"""Seconds; a server that asks for a longer wait is not waited for."""

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 10.0
_SPREAD = 0.1


def wait_before_retry(failure: Failure, attempt: int, jitter: Callable[[], float]) -> float | None:
    """Seconds to wait before retry number `attempt` (from 1), or None when it is not to be sent again.

    Waits double from 0.5 s to 10 s, ±10 % by `jitter` (a number from 0 to 1), and are never shorter than the server asked for.
    """
    if not failure.is_retryable or attempt > MAX_RETRIES:
        return None
    asked = failure.retry_after or 0.0
    if asked > MAX_RETRY_AFTER:
        return None
    wait = min(_FIRST_WAIT * 2.0 ** (attempt - 1), _LONGEST_WAIT)
    return max(asked, wait * (1 - _SPREAD + 2 * _SPREAD * jitter()))
