from __future__ import annotations

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from dsterm.core.diff import ChangeKind, LineKind, diff_texts
from dsterm.core.models import Price, ThinkingMode, Usage
from dsterm.core.pricing import cost_of, prompt_cost

PRICE = Price(
    input=Decimal("1.60"), output=Decimal("3.20"), cache_read=Decimal("0.135"), since=date(2026, 6, 9), source="test"
)
LINES = st.lists(st.text(alphabet="abc \t", max_size=3), max_size=12).map(
    lambda lines: "".join(f"{line}\n" for line in lines)
)


def test_cost_splits_hits_misses_and_output_exactly() -> None:
    cost = cost_of(Usage(prompt_tokens=61_400, cached_tokens=60_800, completion_tokens=1_000), PRICE)
    assert cost is not None
    assert (cost.hit, cost.miss, cost.output) == (Decimal("0.008208"), Decimal("0.00096"), Decimal("0.0032"))
    assert cost.total == Decimal("0.012368")


def test_an_unknown_price_is_unknown_and_not_zero() -> None:
    assert cost_of(Usage(prompt_tokens=5), None) is None
    assert prompt_cost(5, 0, None) is None


def test_the_mode_key_goes_round() -> None:
    mode = ThinkingMode.NON_THINK
    assert [mode := mode.next for _ in range(3)] == [ThinkingMode.THINK, ThinkingMode.THINK_MAX, ThinkingMode.NON_THINK]


@given(LINES, LINES)
def test_a_diff_holds_both_texts(before: str, after: str) -> None:
    diff = diff_texts("f", before, after, context=1000)
    lines = [line for hunk in diff.hunks for line in hunk.lines]
    if before == after:
        assert not lines
        return
    assert "".join(f"{line.text}\n" for line in lines if line.kind is not LineKind.ADDED) == before
    assert "".join(f"{line.text}\n" for line in lines if line.kind is not LineKind.REMOVED) == after


def test_a_diff_says_what_happens_to_the_file() -> None:
    assert diff_texts("f", None, "a\n").kind is ChangeKind.CREATED
    assert diff_texts("f", "a\n", None).kind is ChangeKind.DELETED
    assert diff_texts("f", "a\n", "b\n").kind is ChangeKind.MODIFIED
    assert diff_texts("f", "a\n", "a\n", old_path="g").kind is ChangeKind.RENAMED


def test_line_numbers_count_from_one() -> None:
    hunk = diff_texts("f", "1\n2\n3\n4\n5\n6\n7\n8\n", "1\n2\n3\n4\n5\n6\n7\nX\n").hunks[0]
    assert (hunk.old_start, hunk.new_start) == (5, 5)
