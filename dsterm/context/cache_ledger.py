"""For each request what was predicted to come from the provider's cache and what did, and why something that could have did not.

Pure: folded from the log. What could have come is what was predicted, or the prompt before, where that was no less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

import msgspec

from dsterm.context.cache_record import CacheRecord
from dsterm.core.events import AsideEnded, Envelope, StepEnded, StepStarted
from dsterm.core.models import Price, ThinkingMode, Usage

_TOLERANCE = 0.02
_MILLION = Decimal(1_000_000)
_NOTHING_LOST = frozenset({"rewound", "restored"})
"""Of what stands then the cache has what it had; what stood behind it is not asked for."""


class Verdict(StrEnum):
    """What came of a request at the cache: as predicted, more, or less and whose doing that is.

    PARTLY: the provider had the same bytes and gave only part. UNKNOWN: nobody said what was cached. BESIDE: a request beside
    the conversation, of which nothing was predicted.
    """

    FIRST = "first"
    HIT = "hit"
    BETTER = "better"
    OURS = "ours"
    EXPIRED = "expired"
    PROVIDER = "provider"
    PARTLY = "partly"
    UNKNOWN = "unknown"
    BESIDE = "beside"


MISSES = (Verdict.OURS, Verdict.EXPIRED, Verdict.PROVIDER, Verdict.PARTLY)
"""What costs money."""


class CacheRow(msgspec.Struct, frozen=True, kw_only=True):
    """One request, over at `at`: tokens of its prompt, `predicted` and `observed` (None: not known) ones from the cache, `lost`
    ones that were read anew and need not have been.

    `cause` is what broke the prefix and `cause_at` the first message that differs; `age` is how long before it what it
    continues was read. Dollars are None where the price is not known.
    """

    at: datetime
    provider: str
    model: str
    mode: ThinkingMode
    prompt: int
    predicted: int
    observed: int | None
    verdict: Verdict
    cause: str = ""
    cause_at: str = ""
    age: timedelta | None = None
    lost: int = 0
    lost_dollars: Decimal | None = Decimal(0)
    saved_dollars: Decimal | None = Decimal(0)
    is_demo: bool = False
    purpose: str = ""


class CacheLedger:
    """The rows of a session; `record` says what is known of a model at a provider."""

    def __init__(
        self, envelopes: Iterable[Envelope] = (), record: Callable[[str, str], CacheRecord] | None = None
    ) -> None:
        self.rows: list[CacheRow] = []
        self._record = record or (lambda _provider, _model: CacheRecord())
        self._started: tuple[StepStarted, datetime] | None = None
        self._last: Usage | None = None
        self._read: dict[tuple[str, str, ThinkingMode], datetime] = {}
        self._last_read: datetime | None = None
        for envelope in envelopes:
            self.take(envelope)

    def take(self, envelope: Envelope) -> None:
        """Fold one event in."""
        match envelope.event:
            case StepStarted() as started:
                self._started = started, envelope.at
            case StepEnded(usage=Usage() as usage) as ended if self._started is not None:
                self._end(self._started, ended, usage, envelope.at)
            case AsideEnded(ended=StepEnded(usage=Usage() as usage) as ended) as aside:
                self.rows.append(_beside(aside, ended, usage, envelope.at))
            case _:
                pass

    def _end(self, begun: tuple[StepStarted, datetime], ended: StepEnded, usage: Usage, at: datetime) -> None:
        started, moment = begun
        place = started.provider, started.model, started.mode
        read = self._read.get(place, self._last_read)
        age = None if read is None else moment - read
        record = self._record(started.provider, started.model)
        verdict, lost = _judged(started, usage, self._last, age, record)
        self.rows.append(
            CacheRow(
                at=at,
                provider=started.provider,
                model=started.model,
                mode=started.mode,
                prompt=usage.prompt_tokens,
                predicted=_predicted(started),
                observed=None if verdict is Verdict.UNKNOWN else usage.cached_tokens,
                verdict=verdict,
                cause=started.broke if verdict is Verdict.OURS else "",
                cause_at=started.broke_at if verdict is Verdict.OURS else "",
                age=age,
                lost=lost,
                lost_dollars=hit_saves(lost, ended.price),
                saved_dollars=hit_saves(usage.cached_tokens, ended.price),
                is_demo=ended.is_demo,
            )
        )
        self._last, self._last_read, self._started = usage, at, None
        self._read[place] = at


def hit_saves(tokens: int, price: Price | None) -> Decimal | None:
    """US dollars that so many tokens cost less from the cache; None where the price is not known."""
    return None if price is None else tokens * (price.input - price.cache_read) / _MILLION


def _predicted(started: StepStarted) -> int:
    return started.forecast.cached_tokens if started.forecast else 0


def _judged(
    started: StepStarted, usage: Usage, last: Usage | None, age: timedelta | None, record: CacheRecord
) -> tuple[Verdict, int]:
    """The verdict, and how many tokens were read anew that need not have been."""
    if usage.is_estimate or not usage.is_cache_known:
        return Verdict.UNKNOWN, 0
    if last is None:
        return Verdict.FIRST, 0
    predicted, observed = _predicted(started), usage.cached_tokens
    same = 0 if started.broke in _NOTHING_LOST else min(usage.prompt_tokens, last.prompt_tokens)
    possible = max(predicted, same)
    tolerance = max(record.unit, int(possible * _TOLERANCE))
    lost = possible - observed
    if lost <= tolerance:
        return (Verdict.BETTER if observed - predicted > tolerance else Verdict.HIT), 0
    ours = possible - predicted if started.broke else 0
    if ours > tolerance and ours >= predicted - observed:
        return Verdict.OURS, lost
    if age is not None and not record.holds(age):
        return Verdict.EXPIRED, lost
    return (Verdict.PARTLY if observed * 2 >= possible else Verdict.PROVIDER), lost


def _beside(aside: AsideEnded, ended: StepEnded, usage: Usage, at: datetime) -> CacheRow:
    is_known = usage.is_cache_known and not usage.is_estimate
    return CacheRow(
        at=at,
        provider=aside.provider,
        model=ended.model,
        mode=aside.mode,
        prompt=usage.prompt_tokens,
        predicted=0,
        observed=usage.cached_tokens if is_known else None,
        verdict=Verdict.BESIDE if is_known else Verdict.UNKNOWN,
        saved_dollars=hit_saves(usage.cached_tokens, ended.price),
        is_demo=ended.is_demo,
        purpose=aside.purpose,
    )
