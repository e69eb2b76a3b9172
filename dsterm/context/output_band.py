"""How long an answer will likely be: the middle of this user's own past answers, a seed until there are enough of them. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date

import msgspec

from dsterm.core.models import ThinkingMode

LEAST_SAMPLES = 20
"""Past answers below which the seed is used."""

MOST_SAMPLES = 200
"""The newest so many count, so that a band follows how one works now."""

SEEDED_ON = date(2026, 11, 22)
"""The day of the seeds, which are a guess of ours and no measurement of yours."""

_LOW, _HIGH = 0.2, 0.8
_SEEDS = {
    ThinkingMode.NON_THINK: (60, 900),
    ThinkingMode.THINK: (250, 2_500),
    ThinkingMode.THINK_MAX: (900, 9_000),
}


class OutputBand(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of an answer, reasoning included: one of five is shorter than `low`, one of five longer than `high`.

    `samples` are the past answers that say so; a seed has none.
    """

    low: int
    high: int
    samples: int = 0

    @property
    def is_seed(self) -> bool:
        """Whether it is a guess of ours."""
        return self.samples == 0


def output_band(samples: Sequence[int], mode: ThinkingMode) -> OutputBand:
    """The band of answers in `mode` after `samples`, the tokens of past ones, oldest first."""
    if len(samples) < LEAST_SAMPLES:
        low, high = _SEEDS[mode]
        return OutputBand(low=low, high=high)
    newest = sorted(samples[-MOST_SAMPLES:])
    low, high = math.floor(quantile(newest, _LOW)), math.ceil(quantile(newest, _HIGH))
    return OutputBand(low=low, high=max(high, 1), samples=len(newest))


def middle(values: Sequence[float]) -> tuple[float, float]:
    """What one of five `values` is below and one of five above; there must be at least one."""
    ordered = sorted(values)
    return quantile(ordered, _LOW), quantile(ordered, _HIGH)


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the `ordered` values lie, between two neighbours in proportion."""
    place = (len(ordered) - 1) * share
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
