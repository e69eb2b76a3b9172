from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsterm.workspace.saved.merge import count_changes, merge

TEXTS = st.lists(st.sampled_from(["a", "b", "c", "d", ""]), max_size=8).map("\n".join).map(str.encode)


@pytest.mark.parametrize(
    ("origin", "one", "other", "merged"),
    [
        (b"1\n2\n3\n", b"one\n2\n3\n", b"1\n2\nthree\n", b"one\n2\nthree\n"),
        (b"1\n2\n3\n", b"1\n2\n3\n4\n", b"0\n1\n2\n3\n", b"0\n1\n2\n3\n4\n"),
        (b"1\n2\n3\n", b"1\nx\n3\n", b"1\nx\n3\n", b"1\nx\n3\n"),
        (b"1\n2\n3\n", b"1\nx\n3\n", b"1\ny\n3\n", None),
        (b"1\n2\n3\n", b"1\nx\n3\n", b"1\n2\ny\n", None),
        (b"1\n2\n", b"1\n2\na\n", b"1\n2\nb\n", None),
        (b"1\n2\n3", b"one\n2\n3", b"1\n2\n3\n", b"one\n2\n3\n"),
        (b"1\r\n2\r\n3\r\n", b"1\r\n2\r\n3\n", b"x\r\n2\r\n3\r\n", b"x\r\n2\r\n3\n"),
        (b"\0\n2\n3\n", b"\0\n2\n4\n", b"\1\n2\n3\n", None),
        (b"\0a", b"\0b", b"\0a", b"\0b"),
        (b"", b"a\n", b"", b"a\n"),
        (b"1\n2\n3\n4\n", b"", b"1\n2\n3\nx\n", None),
        (
            b"1\n\x0c2\n\xe2\x80\xa83\n",
            b"1\n\x0c2\n\xe2\x80\xa8x\n",
            b"y\n\x0c2\n\xe2\x80\xa83\n",
            b"y\n\x0c2\n\xe2\x80\xa8x\n",
        ),
    ],
)
def test_changes_that_do_not_touch_are_joined(origin: bytes, one: bytes, other: bytes, merged: bytes | None) -> None:
    assert merge(origin, one, other) == merged
    assert merge(origin, other, one) == merged


@given(TEXTS, TEXTS, TEXTS)
def test_a_merge_is_the_same_from_both_sides_and_loses_no_new_line(origin: bytes, one: bytes, other: bytes) -> None:
    merged = merge(origin, one, other)
    assert merged == merge(origin, other, one)
    assert merge(origin, one, origin) == one
    if merged is not None:
        new = {line for side in (one, other) for line in side.split(b"\n")} - set(origin.split(b"\n"))
        assert new <= set(merged.split(b"\n"))


def test_a_change_too_large_to_compare_is_a_collision() -> None:
    origin = b"".join(b"%d\n" % number for number in range(40_000))
    one = b"".join(b"x%d\n" % number for number in range(40_000))
    assert merge(origin, one, b"0\n" + origin) is None
    assert count_changes(origin, one) == (40_000, 40_000)


@pytest.mark.parametrize(
    ("before", "after", "counts"),
    [(b"", b"a\nb\n", (2, 0)), (b"a\nb", b"a\nc", (1, 1)), (b"a\n", b"", (0, 1)), (b"\0\n", b"x\n", (1, 1))],
)
def test_changed_lines_are_counted(before: bytes, after: bytes, counts: tuple[int, int]) -> None:
    assert count_changes(before, after) == counts
