from __future__ import annotations

from decimal import Decimal

import pytest

from dsterm.render.wording import format_count, format_money, format_seconds, format_tokens


@pytest.mark.parametrize(
    ("dollars", "words"),
    [
        ("0", "$0.0000"),
        ("0.00474", "$0.0047"),
        ("0.99994", "$0.9999"),
        ("0.99996", "$1.00"),
        ("12.345", "$12.35"),
    ],
)
def test_money_has_four_decimals_below_a_dollar_and_two_from_it(dollars: str, words: str) -> None:
    assert format_money(Decimal(dollars)) == words


def test_an_estimate_is_marked_and_the_unknown_is_named() -> None:
    assert format_money(Decimal("0.0142"), is_estimate=True) == "~$0.0142"
    assert format_money(None, is_estimate=True) == "unknown"


@pytest.mark.parametrize(
    ("tokens", "words"),
    [(0, "0"), (940, "940"), (1000, "1k"), (1900, "1.9k"), (9949, "9.9k"), (9950, "10k"), (61_400, "61k"), (999_499, "999k"),
     (999_500, "1M"), (1_048_576, "1.05M")],
)  # fmt: skip
def test_tokens_are_short(tokens: int, words: str) -> None:
    assert format_tokens(tokens) == words


def test_tokens_may_keep_a_decimal() -> None:
    assert format_tokens(48_100, is_fine=True) == "48.1k"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.01, "0.01 s"),
        (0.996, "1.0 s"),
        (3.21, "3.2 s"),
        (9.97, "10 s"),
        (11.4, "11 s"),
        (125, "2 m 05 s"),
        (3720, "1 h 02 m"),
    ],
)
def test_time_is_as_fine_as_it_matters(seconds: float, words: str) -> None:
    assert format_seconds(seconds) == words


def test_running_time_counts_full_seconds() -> None:
    assert format_seconds(2.9, is_whole=True) == "2 s"


def test_nouns_have_their_plural() -> None:
    assert [format_count(n, "hunk") for n in (0, 1, 1200)] == ["0 hunks", "1 hunk", "1,200 hunks"]
