"""The server's count of tokens, in whichever spelling it comes; what makes no sense is taken as not said."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from dsterm.core.models import Usage

_MOST = 1_000_000_000
_LONGEST_FIGURE = 12


def read_usage(data: bytes, cached_fields: Sequence[str]) -> Usage | None:
    """The counts in the JSON object `data`, None where there are none; the first of `cached_fields`, dotted paths, counts."""
    try:
        counts = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    prompt = _count(_at(counts, "prompt_tokens"))
    completion = _count(_at(counts, "completion_tokens"))
    if not prompt and not completion:
        # Some hosts send zeros for as long as they have not counted.
        return None
    found = (_count(_at(counts, path)) for path in cached_fields)
    cached = next((count for count in found if count is not None), None)
    reasoning = _count(_at(counts, "completion_tokens_details.reasoning_tokens")) or 0
    return Usage(
        prompt_tokens=prompt or 0,
        completion_tokens=completion or 0,
        cached_tokens=min(cached or 0, prompt or 0),
        reasoning_tokens=min(reasoning, completion or 0),
        is_cache_known=cached is not None,
    )


def _at(value: object, path: str) -> object:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _count(value: object) -> int | None:
    """A number of tokens, also as a float or as text; negative ones are none, absurd ones and all else are not said."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _LONGEST_FIGURE:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return max(0, int(value)) if value <= _MOST else None
