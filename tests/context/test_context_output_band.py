from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsterm.context.output_band import LEAST_SAMPLES, MOST_SAMPLES, middle, output_band, quantile
from dsterm.core.models import ThinkingMode

ENOUGH = st.lists(st.integers(1, 100_000), min_size=LEAST_SAMPLES, max_size=300)


@pytest.mark.parametrize("mode", ThinkingMode)
def test_with_too_few_answers_the_band_is_a_seed(mode: ThinkingMode) -> None:
    band = output_band([5] * (LEAST_SAMPLES - 1), mode)
    assert band.is_seed
    assert 0 < band.low < band.high


def test_seeds_grow_with_the_mode() -> None:
    bands = [output_band((), mode) for mode in ThinkingMode]
    assert bands == sorted(bands, key=lambda band: band.high)


def test_the_band_is_the_middle_three_fifths() -> None:
    band = output_band([*range(1, 102)], ThinkingMode.THINK)
    assert (band.low, band.high, band.samples) == (21, 81, 101)


def test_only_the_newest_answers_count() -> None:
    band = output_band([9_000] * 500 + [10] * MOST_SAMPLES, ThinkingMode.THINK)
    assert (band.low, band.high, band.samples) == (10, 10, MOST_SAMPLES)


@given(ENOUGH)
def test_the_band_holds_at_least_three_of_five_of_what_made_it(samples: list[int]) -> None:
    band = output_band(samples, ThinkingMode.THINK)
    newest = samples[-MOST_SAMPLES:]
    inside = sum(band.low <= each <= band.high for each in newest)
    assert min(newest) <= band.low <= band.high <= max(newest)
    assert inside >= 0.6 * len(newest) - 2


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1))
def test_a_quantile_lies_between_the_smallest_and_the_largest(values: list[float], share: float) -> None:
    ordered = sorted(values)
    assert ordered[0] - 1e-6 <= quantile(ordered, share) <= ordered[-1] + 1e-6
    low, high = middle(values)
    assert low <= high + 1e-6
