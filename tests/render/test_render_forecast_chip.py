from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dsterm.core.forecasts import SendForecast
from dsterm.core.models import Forecast
from dsterm.render.forecast_chip import band, forecast_chip, money_range
from dsterm.render.style import Style
from dsterm.render.width import cells

FORECAST = Forecast(
    prompt_tokens=61_400,
    cached_tokens=60_800,
    dollars=Decimal("0.009168"),
    output_low=400,
    output_high=1_800,
    low=Decimal("0.010448"),
    high=Decimal("0.014928"),
)
SEND = SendForecast(forecast=FORECAST)
DEAR = replace(
    SEND,
    forecast=replace(FORECAST, cached_tokens=0, low=Decimal("0.0995"), high=Decimal("0.104")),
    was=FORECAST,
    is_above=True,
)


def words(send: SendForecast, room: int = 100) -> str:
    return "".join(span.text for span in forecast_chip(send, room))


def test_the_chip_says_price_prompt_and_answer() -> None:
    assert words(SEND) == "next ~$0.0104–0.0149 · 61.4k in (60.8k cached, 0.6k new) · out 0.4–1.8k"


@pytest.mark.parametrize(
    ("room", "shown"),
    [
        (92, "next ~$0.0995–0.1040, was ~$0.0104–0.0149 · 61.4k in (0 cached, 61.4k new) · out 0.4–1.8k"),
        (78, "next ~$0.0995–0.1040, was ~$0.0104–0.0149 · 61.4k in, 61.4k new · out 0.4–1.8k"),
        (65, "next ~$0.0995–0.1040, was ~$0.0104–0.0149 · 61.4k in, 61.4k new"),
        (58, "next ~$0.0995–0.1040, was ~$0.0104–0.0149 · 61.4k in"),
        (48, "next ~$0.0995–0.1040, was ~$0.0104–0.0149"),
        (30, "next ~$0.0995–0.1040"),
    ],
)
def test_where_it_is_narrow_the_price_and_the_old_price_stay_longest(room: int, shown: str) -> None:
    assert words(DEAR, room) == shown


def test_above_the_limit_it_warns_and_the_old_price_stands_out() -> None:
    assert {span.style for span in forecast_chip(SEND, 100)} == {Style.DIM}
    styles = [(span.text.strip(", ").split()[0], span.style) for span in forecast_chip(DEAR, 100)]
    assert styles == [("next", Style.WARNING), ("was", Style.ACCENT), ("·", Style.WARNING)]


def test_what_is_estimated_unknown_or_a_demo_says_so() -> None:
    assert "· ~61.4k in" in words(replace(SEND, is_estimate=True))
    unknown = replace(SEND, forecast=replace(FORECAST, dollars=None, low=None, high=None))
    assert words(unknown).startswith("next unknown · 61.4k in")
    assert words(replace(SEND, is_demo=True)).startswith("demo next ~$0.0104")


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [(60, 900, "60–900"), (250, 2_500, "0.2–2.5k"), (900, 9_000, "0.9–9k"), (50, 1_200, "50–1.2k"), (7, 7, "7")],
)
def test_a_band_has_its_unit_once(low: int, high: int, shown: str) -> None:
    assert band(replace(FORECAST, output_low=low, output_high=high)) == shown


def test_two_ends_that_read_the_same_are_one_figure() -> None:
    assert money_range(Decimal("0.00031"), Decimal("0.00033")) == "~$0.0003"
    assert money_range(Decimal("0.9"), Decimal("1.2")) == "~$0.9000–1.20"
    assert money_range(Decimal("0.00001"), Decimal("0.002")) == "<$0.0001–0.0020"


@given(
    st.integers(0, 2_000_000),
    st.integers(0, 2_000_000),
    st.integers(0, 400_000),
    st.integers(20, 140),
    st.booleans(),
    st.booleans(),
)
def test_it_fits_where_the_price_alone_fits(
    tokens: int, cached: int, out: int, room: int, was: bool, demo: bool
) -> None:
    forecast = Forecast(
        prompt_tokens=tokens,
        cached_tokens=min(tokens, cached),
        dollars=Decimal(tokens) / 1_000_000,
        output_low=out // 3,
        output_high=out,
        low=Decimal(tokens + out) / 1_000_000,
        high=Decimal(tokens + 3 * out) / 1_000_000,
    )
    send = SendForecast(forecast=forecast, was=FORECAST if was else None, is_demo=demo)
    shown = words(send, room)
    price = "demo next " if demo else "next "
    assert shown.startswith(price)
    assert cells(shown) <= max(room, cells(price + money_range(forecast.low, forecast.high)))


@pytest.mark.parametrize(
    ("tokens", "shown"), [(0, "0 new"), (3, "10 new"), (41, "50 new"), (140, "0.1k new"), (990, "1k new")]
)
def test_few_new_tokens_are_told_so_coarsely_that_typing_repaints_little(tokens: int, shown: str) -> None:
    forecast = replace(FORECAST, cached_tokens=FORECAST.prompt_tokens - tokens)
    assert f", {shown})" in words(replace(SEND, forecast=forecast))
