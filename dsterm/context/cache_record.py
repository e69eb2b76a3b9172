"""What a provider's prompt cache has shown so far: how much of what it should have it gives, in which units, how long. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from math import gcd

import msgspec

from dsterm.context.forecast import CACHE_AGE, CACHE_UNIT

LEAST_SAMPLES = 5
"""Before so many requests were seen nothing is said of a provider."""

LEAST_TOKENS = 1_024
"""Shorter prompts say little: some caches keep nothing of them."""

_LOOKED_AT = 20
_GOOD = 0.95
_HIT = 0.5
_COARSE = 128


class CacheSample(msgspec.Struct, frozen=True, kw_only=True):
    """A request that continued one before it, `age` after that one: `possible` tokens were the same and `observed` ones came from
    the cache.
    """

    age: timedelta
    possible: int
    observed: int

    @property
    def is_hit(self) -> bool:
        """Whether the cache still had it, or at least most of it."""
        return self.observed >= self.possible * _HIT


class CacheRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the cache of one model at one provider, from so many `samples`.

    Hits come in units of `unit` tokens and are a share `rate` of what could be hit. Hits were seen up to an age of `hits_to`
    (None: none was), misses from `misses_from` on (None: not often enough to say so).
    """

    unit: int = CACHE_UNIT
    rate: float = 1.0
    samples: int = 0
    hits_to: timedelta | None = None
    misses_from: timedelta | None = None

    def holds(self, age: timedelta) -> bool:
        """Whether what is so old is likely still there."""
        if self.hits_to is not None and age <= self.hits_to:
            return True
        return age < (CACHE_AGE if self.misses_from is None else self.misses_from)

    @property
    def lasts(self) -> timedelta:
        """How long it likely keeps what nobody asks for."""
        if self.misses_from is not None:
            return self.misses_from
        return max(CACHE_AGE, self.hits_to or CACHE_AGE)


def cache_record(samples: Iterable[CacheSample]) -> CacheRecord:
    """What `samples` show, oldest first."""
    seen = list(samples)
    large = [sample for sample in seen if sample.possible >= LEAST_TOKENS]
    hits_to = max((sample.age for sample in large if sample.is_hit), default=None)
    youngest = timedelta(0) if hits_to is None else hits_to
    later = sorted(sample.age for sample in large if not sample.is_hit and sample.age > youngest)
    # One miss alone may be the provider's whim.
    found = CacheRecord(
        unit=_unit(seen),
        samples=len(seen),
        hits_to=hits_to,
        misses_from=later[0] if hits_to is not None and len(later) > 1 else None,
    )
    young = [sample for sample in large if found.holds(sample.age)][-_LOOKED_AT:]
    return msgspec.structs.replace(found, rate=_rate(young, found.unit))


def _unit(samples: Sequence[CacheSample]) -> int:
    """What all hits are multiples of, if that is more than is taken for granted."""
    sizes = {sample.observed for sample in samples if sample.observed}
    common = gcd(*sizes) if len(sizes) >= LEAST_SAMPLES else 0
    return common if common >= _COARSE else CACHE_UNIT


def _rate(samples: Sequence[CacheSample], unit: int) -> float:
    possible = sum(sample.possible // unit * unit for sample in samples)
    if len(samples) < LEAST_SAMPLES or not possible:
        return 1.0
    rate = sum(min(sample.observed, sample.possible) for sample in samples) / possible
    return 1.0 if rate >= _GOOD else rate
