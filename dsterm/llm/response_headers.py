"""What the headers of an answer say about when to come again, and what the server calls the request."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from dsterm.llm.origin import clean

_KNOWN_IDS = ("x-request-id", "request-id", "x-deepseek-request-id")
_ID_NAME = re.compile(r"request.?id|trace.?id")
_AGAIN = re.compile(
    r"(?:try again|retry) (?:in|after) (\d{1,7}(?:\.\d{1,6})?) ?(ms|milliseconds?|seconds?|s|minutes?|m)\b"
)
_EPOCH_SECONDS = 1e9
_EPOCH_MILLISECONDS = 1e12


def wait_asked(headers: Mapping[str, str], text: str = "") -> float | None:
    """Seconds the server asks to wait, from `headers` in lower case or from the sentence `text`; None where it doesn't say.

    A date counts from the server's own clock. `retry-after-ms` is Azure's, `x-ratelimit-reset` as an epoch is OpenRouter's;
    as a small number it means something else at every host, so it is left alone.
    """
    seconds = _number(headers.get("retry-after-ms", "")) / 1000
    if math.isnan(seconds):
        seconds = _number(headers.get("retry-after", ""))
    now = _date(headers.get("date", ""))
    if math.isnan(seconds) and now is not None:
        then = _date(headers.get("retry-after", "")) or _epoch(headers.get("x-ratelimit-reset", ""))
        seconds = (then - now).total_seconds() if then else math.nan
    if math.isnan(seconds):
        found = _AGAIN.search(text.lower())
        seconds = float(found[1]) * _unit(found[2]) if found else math.nan
    return max(0.0, seconds) if math.isfinite(seconds) else None


def request_id(headers: Mapping[str, str], secret: str = "") -> str:
    """What the server calls the request, from `headers` in lower case; empty where it doesn't say."""
    names = [name for name in _KNOWN_IDS if name in headers] or [name for name in headers if _ID_NAME.search(name)]
    return clean(headers[names[0]], secret)[:100] if names else ""


def _number(value: str) -> float:
    try:
        return float(value.strip())
    except ValueError:
        return math.nan


def _unit(word: str) -> float:
    """Seconds in one `word`."""
    if word.startswith(("ms", "milli")):
        return 0.001
    return 60.0 if word.startswith("m") else 1.0


def _epoch(value: str) -> datetime | None:
    moment = _number(value)
    if not math.isfinite(moment) or moment < _EPOCH_SECONDS:
        return None
    try:
        return datetime.fromtimestamp(moment / 1000 if moment >= _EPOCH_MILLISECONDS else moment, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _date(value: str) -> datetime | None:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 (28 ms, and hardly ever needed)

    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
