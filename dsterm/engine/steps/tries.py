"""How often a request is tried, and how long is waited in between."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from dsterm.core.provider import Failure, FailureKind
from dsterm.engine.steps.attempt import Attempt
from dsterm.llm.retry import MAX_RETRIES, MAX_RETRIES_AFTER_TIMEOUT, wait_before_retry


class Tries:
    """The tries at one request: by the policy of `llm.retry` while nothing of an answer came, once after that, and as often as
    the user likes when it is the user who wants it.
    """

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._by_policy = 0
        self._has_lost_text = False
        self.made = 0
        self.limit = 0

    def wait_after(self, attempt: Attempt, failure: Failure) -> float | None:
        """Seconds until the next try, None when `failure` is final; `limit` says then how many may follow the first in all.

        Call it once for each attempt that failed.
        """
        self.made += 1
        if attempt.watch.wants_retry:
            self.limit = 0
            return 0.0
        if attempt.has_text and self._has_lost_text:
            return None
        self._has_lost_text |= attempt.has_text
        self._by_policy += 1
        most = MAX_RETRIES_AFTER_TIMEOUT if failure.kind is FailureKind.TIMEOUT else MAX_RETRIES
        self.limit = self.made if self._has_lost_text else self.made + max(0, most - self._by_policy)
        return wait_before_retry(failure, self._by_policy, self._jitter)

    def counted(self, failure: Failure) -> Failure:
        """`failure` with how often it was tried, where that was more than once."""
        if self.made < 2:
            return failure
        return replace(failure, message=f"{failure.message} It was tried {self.made} times.")
