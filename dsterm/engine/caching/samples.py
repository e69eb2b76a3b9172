"""Past requests as samples of what the caches of providers keep: each that only continued the one before it in its session."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from dsterm.context.cache_record import CacheSample
from dsterm.store.ledger import StepRow

_MOST = 200
"""Samples of one model that are looked at, the newest: caches change."""


class PricedSample(msgspec.Struct, frozen=True):
    """A sample, and how many US dollars a million of its tokens cost less from the cache (None: not known)."""

    sample: CacheSample
    hit_saves: Decimal | None


CacheKey = tuple[str, str, bool]
"""Provider, model, and whether it is a demo."""


def cache_samples(rows: Iterable[StepRow]) -> dict[CacheKey, list[PricedSample]]:
    """The newest samples by model, oldest first; `rows` are in order."""
    found: dict[CacheKey, list[PricedSample]] = defaultdict(list)
    before: dict[tuple[str, str], StepRow] = {}
    for row in rows:
        if row.purpose or row.usage is None:
            continue
        place = row.session, row.lane
        former, before[place] = before.get(place), row
        if former is not None and _continues(row, former):
            found[row.provider, row.model, row.is_demo].append(_sample(row, former))
    return {key: samples[-_MOST:] for key, samples in found.items()}


def _continues(row: StepRow, former: StepRow) -> bool:
    is_counted = all(
        one.usage is not None and one.usage.is_cache_known and not one.usage.is_estimate for one in (row, former)
    )
    is_same = (row.provider, row.model, row.mode) == (former.provider, former.model, former.mode)
    return is_counted and is_same and not row.broke and row.forecast is not None


def _sample(row: StepRow, former: StepRow) -> PricedSample:
    now, then = row.usage, former.usage
    possible = min(now.prompt_tokens, then.prompt_tokens) if now and then else 0
    observed = now.cached_tokens if now else 0
    return PricedSample(CacheSample(age=row.at - former.at, possible=possible, observed=observed), row.hit_saves)
