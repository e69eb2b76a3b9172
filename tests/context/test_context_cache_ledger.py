from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from dsterm.context.cache_ledger import CacheLedger, CacheRow, Verdict
from dsterm.context.cache_record import CacheRecord, CacheSample, cache_record
from dsterm.core.events import AsideEnded, Envelope, Event, StepEnded, StepStarted
from dsterm.core.models import Forecast, Price, ThinkingMode, Usage
from dsterm.core.provider import StopReason

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
PRICE = Price(
    input=Decimal("1.60"),
    output=Decimal("3.20"),
    cache_read=Decimal("0.10"),
    since=date(2026, 11, 1),
    source="the provider",
)
MINUTE = timedelta(minutes=1)


def request(
    said: int,
    prompt: int,
    cached: int,
    after: timedelta = MINUTE,
    *,
    broke: str = "",
    model: str = "pro",
    mode: ThinkingMode = ThinkingMode.THINK,
    is_known: bool = True,
    is_estimate: bool = False,
    price: Price | None = PRICE,
    at: str = "",
) -> list[tuple[timedelta, Event]]:
    """A request that began so long `after` the one before it had ended."""
    forecast = Forecast(prompt_tokens=prompt, cached_tokens=said, dollars=None)
    usage = Usage(
        prompt_tokens=prompt,
        cached_tokens=cached,
        completion_tokens=100,
        is_cache_known=is_known,
        is_estimate=is_estimate,
    )
    start = StepStarted(provider="p", model=model, mode=mode, forecast=forecast, broke=broke, broke_at=at)
    return [(after, start), (timedelta(0), StepEnded(stop=StopReason.STOP, model=model, usage=usage, price=price))]


def ledger(*requests: list[tuple[timedelta, Event]], record: CacheRecord | None = None) -> list[CacheRow]:
    moment, envelopes = NOON, []
    for after, event in (pair for one in requests for pair in one):
        moment += after
        seq = len(envelopes) + 1
        envelopes.append(Envelope(id=f"e{seq}", parent="", seq=seq, at=moment, event=event))
    return CacheLedger(envelopes, (lambda _provider, _model: record) if record else None).rows


FIRST = request(0, 10_000, 0)


def test_the_first_request_is_no_miss_and_a_continuation_hits_as_predicted() -> None:
    first, second = ledger(FIRST, request(10_048, 10_400, 10_048))
    assert (first.verdict, first.lost, first.age) == (Verdict.FIRST, 0, None)
    assert (second.verdict, second.lost, second.age) == (Verdict.HIT, 0, MINUTE)
    assert second.saved_dollars == Decimal(10_048) * Decimal("1.50") / 1_000_000


@pytest.mark.parametrize("cause", ["model", "mode", "tools", "system", "detached", "pruned", "repair", "unknown"])
def test_what_we_changed_is_ours_with_its_cause(cause: str) -> None:
    row = ledger(FIRST, request(0, 10_400, 0, broke=cause, at="message 3, an answer"))[-1]
    assert (row.verdict, row.cause, row.cause_at) == (Verdict.OURS, cause, "message 3, an answer")
    assert row.lost == 10_000
    assert row.lost_dollars == Decimal("0.015")


def test_going_back_in_a_conversation_loses_nothing_that_is_still_asked_for() -> None:
    row = ledger(FIRST, request(4_992, 6_000, 4_992, broke="rewound"))[-1]
    assert (row.verdict, row.lost) == (Verdict.HIT, 0)


def test_the_same_bytes_not_hit_are_the_providers_doing() -> None:
    row = ledger(FIRST, request(10_048, 10_400, 0))[-1]
    assert (row.verdict, row.cause, row.lost) == (Verdict.PROVIDER, "", 10_048)


def test_most_of_them_hit_is_partly() -> None:
    row = ledger(FIRST, request(10_048, 10_400, 6_016))[-1]
    assert (row.verdict, row.lost) == (Verdict.PARTLY, 4_032)


def test_within_a_unit_or_two_in_a_hundred_it_is_as_predicted() -> None:
    assert ledger(FIRST, request(10_048, 10_400, 9_856))[-1].verdict is Verdict.HIT
    assert ledger(request(0, 500, 0), request(512, 600, 448))[-1].verdict is Verdict.HIT
    coarse = CacheRecord(unit=1_024)
    assert ledger(FIRST, request(10_048, 10_400, 9_216), record=coarse)[-1].verdict is Verdict.HIT


def test_what_is_old_has_expired_by_the_assumption_or_by_what_was_seen() -> None:
    late = request(0, 10_400, 0, timedelta(hours=4))
    assert ledger(FIRST, late)[-1].verdict is Verdict.EXPIRED
    soon = request(10_048, 10_400, 0, timedelta(minutes=12))
    short = CacheRecord(hits_to=5 * MINUTE, misses_from=10 * MINUTE, samples=9)
    assert ledger(FIRST, soon)[-1].verdict is Verdict.PROVIDER
    assert ledger(FIRST, soon, record=short)[-1].verdict is Verdict.EXPIRED
    long = CacheRecord(hits_to=timedelta(hours=9), samples=9)
    assert ledger(FIRST, late, record=long)[-1].verdict is Verdict.PROVIDER


def test_more_than_predicted_is_better() -> None:
    assert ledger(FIRST, request(0, 10_400, 10_048, timedelta(hours=5)))[-1].verdict is Verdict.BETTER


def test_who_says_nothing_of_hits_is_unknown_and_never_a_miss() -> None:
    for row in (
        ledger(FIRST, request(10_048, 10_400, 0, is_known=False))[-1],
        ledger(FIRST, request(10_048, 10_400, 10_048, is_estimate=True))[-1],
    ):
        assert (row.verdict, row.observed, row.lost) == (Verdict.UNKNOWN, None, 0)


def test_the_way_back_to_a_model_counts_from_when_that_was_asked() -> None:
    flash = request(0, 10_200, 0, broke="model", model="flash")
    back = request(10_048, 10_600, 0, 10 * MINUTE, broke="model")
    row = ledger(FIRST, flash, back)[-1]
    assert (row.verdict, row.age) == (Verdict.PROVIDER, 11 * MINUTE)


def test_without_a_price_the_dollars_are_unknown() -> None:
    row = ledger(FIRST, request(10_048, 10_400, 0, price=None))[-1]
    assert (row.lost_dollars, row.saved_dollars) == (None, None)


def test_requests_beside_the_conversation_have_a_row_and_change_nothing_for_it() -> None:
    usage = Usage(prompt_tokens=9_000, cached_tokens=0)
    ended = StepEnded(stop=StopReason.STOP, model="pro", usage=usage, price=PRICE)
    aside = [(MINUTE, AsideEnded(purpose="summary", ended=ended, provider="p"))]
    _, beside, after = ledger(FIRST, aside, request(10_048, 10_400, 10_048))
    assert (beside.verdict, beside.purpose, beside.lost) == (Verdict.BESIDE, "summary", 0)
    assert (after.verdict, after.age) == (Verdict.HIT, 2 * MINUTE)


def sample(minutes: float, possible: int, observed: int) -> CacheSample:
    return CacheSample(age=timedelta(minutes=minutes), possible=possible, observed=observed)


def test_a_lifetime_is_learned_from_hits_and_at_least_two_misses_behind_them() -> None:
    hits = [sample(age, 10_000, 9_984) for age in (1, 130)]
    one = cache_record([*hits, sample(180, 10_000, 0)])
    assert (one.hits_to, one.misses_from) == (timedelta(minutes=130), None)
    two = cache_record([*hits, sample(200, 10_000, 0), sample(180, 10_000, 64)])
    assert two.misses_from == timedelta(minutes=180)
    assert two.holds(timedelta(minutes=150))
    assert not two.holds(timedelta(minutes=190))


def test_a_rate_is_learned_where_forecasts_are_off_again_and_again() -> None:
    assert cache_record([sample(1, 10_000, 0)] * 4).rate == 1
    assert cache_record([sample(1, 10_000, 0)] * 5).rate == 0
    assert 0.49 < cache_record([sample(1, 10_000, 5_000)] * 9).rate < 0.51
    assert cache_record([sample(1, 10_000, 9_984)] * 9).rate == 1
    assert cache_record([sample(1, 100, 0)] * 9).rate == 1


def test_a_coarser_unit_shows_in_what_all_hits_are_multiples_of() -> None:
    found = cache_record([sample(1, 2_000 + 1_500 * number, 1_024 * (1 + number)) for number in range(6)])
    assert found.unit == 1_024
    assert cache_record([sample(1, 10_000, 64 * number) for number in range(100, 110)]).unit == 64
