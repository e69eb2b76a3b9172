from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from dsterm.core.models import PeakHours
from dsterm.llm.catalog import load_catalog
from dsterm.llm.catalog_entries import read_hours, write_hours


# Monday is the 23rd of November 2026.
@pytest.mark.parametrize(
    ("moment", "is_peak"),
    [
        ("2026-11-23T00:59:59.999999", False),
        ("2026-11-23T01:00:00", True),
        ("2026-11-23T03:59:59.999999", True),
        ("2026-11-23T04:00:00", False),
        ("2026-11-23T05:59:59", False),
        ("2026-11-23T06:00:00", True),
        ("2026-11-23T09:59:59", True),
        ("2026-11-23T10:00:00", False),
        ("2026-11-27T09:59:00", True),
        ("2026-11-28T02:00:00", False),
        ("2026-11-29T07:00:00", False),
    ],
)
@pytest.mark.parametrize(
    "zone", [UTC, ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York"), timezone(timedelta(hours=-11))]
)
def test_peak_hours_hold_by_utc_wherever_the_clock_is(moment, is_peak, zone):
    card = load_catalog().model("deepseek", "pro")
    there = datetime.fromisoformat(moment).replace(tzinfo=UTC).astimezone(zone)
    assert card.price_at(there).input == Decimal("1.32" if is_peak else "0.66")


def test_off_peak_is_half_at_deepseek_and_novita_is_flat():
    catalog = load_catalog()
    for card in catalog.models("deepseek"):
        halves = [getattr(card.off_peak, name) * 2 for name in ("input", "output", "cache_read")]
        assert halves == [getattr(card.price, name) for name in ("input", "output", "cache_read")]
    assert {card.off_peak for card in catalog.models("novita")} == {None}


def test_the_answer_is_billed_by_the_hour_it_came_in():
    catalog = load_catalog()
    peak, night = datetime(2026, 11, 23, 7, tzinfo=UTC), datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert catalog.priced("deepseek", "deepseek-flash", peak).output == Decimal("1.20")
    assert catalog.priced("deepseek", "deepseek-flash", night).output == Decimal("0.60")


@pytest.mark.parametrize(
    ("text", "days"),
    [("Mon-Fri 01:00-04:00", (0, 1, 2, 3, 4)), ("Sun 00:00-24:00", (6,)), ("Sat-Sun 20:30-24:00", (5, 6))],
)
def test_hours_are_read_and_written_alike(text, days):
    hours = read_hours(text)
    assert hours.days == days
    assert write_hours(hours) == text


@pytest.mark.parametrize(
    "text",
    ["", "Mon", "Fri-Mon 01:00-02:00", "Mon 04:00-01:00", "Mon 01:00-01:00", "Mon 25:00-26:00", "Mon 01:60-02:00",
     "Mon 24:00-24:00", "mon 01:00-02:00", "Mon 1:00-2:00", "Mon 01:00-02:00 UTC"],
)  # fmt: skip
def test_what_are_no_hours_is_none(text):
    assert read_hours(text) is None


def test_hours_to_the_end_of_a_day_hold_until_it():
    hours = PeakHours(days=(6,), begins=time(20), ends=time())
    assert hours.hold(datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC))
    assert not hours.hold(datetime(2026, 11, 23, 0, 0, tzinfo=UTC))
    assert not hours.hold(datetime(2026, 11, 22, 19, 59, tzinfo=UTC))
