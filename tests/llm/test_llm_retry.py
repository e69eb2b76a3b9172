from __future__ import annotations

import pytest

from dsterm.core.provider import Failure, FailureKind
from dsterm.llm.retry import as_duration, wait_before_retry


def failure(retry_after=None, is_retryable=True, kind=FailureKind.SERVER):
    return Failure(kind=kind, message="m", retry_after=retry_after, is_retryable=is_retryable)


def test_waits_double_up_to_ten_seconds():
    assert [wait_before_retry(failure(), attempt, lambda: 0.5) for attempt in (1, 2, 3, 4)] == [0.5, 1.0, 2.0, 4.0]


def test_the_fifth_retry_never_comes():
    assert wait_before_retry(failure(), 5, lambda: 0.5) is None


@pytest.mark.parametrize(("jitter", "wait"), [(0.0, 0.45), (1.0, 0.55)])
def test_jitter_is_a_tenth_either_way(jitter, wait):
    assert wait_before_retry(failure(), 1, lambda: jitter) == pytest.approx(wait)


def test_the_server_may_ask_for_up_to_a_minute():
    assert wait_before_retry(failure(30.0), 1, lambda: 0.5) == 30.0
    assert wait_before_retry(failure(0.1), 1, lambda: 0.5) == 0.5
    assert wait_before_retry(failure(61.0), 1, lambda: 0.5) is None


def test_what_will_not_change_is_not_retried():
    assert wait_before_retry(failure(is_retryable=False), 1, lambda: 0.5) is None


def test_what_took_minutes_to_fail_is_tried_twice_more_at_most():
    late = failure(kind=FailureKind.TIMEOUT)
    assert [wait_before_retry(late, attempt, lambda: 0.5) for attempt in (1, 2, 3)] == [0.5, 1.0, None]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.1, "1 second"),
        (45.4, "45 seconds"),
        (60.0, "1 minute"),
        (90.0, "90 seconds"),
        (300.0, "5 minutes"),
        (3600.0, "1 hour"),
        (86400.0, "24 hours"),
    ],
)
def test_a_wait_is_said_as_a_reader_says_it(seconds, words):
    assert as_duration(seconds) == words
