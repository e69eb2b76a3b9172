from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsterm.core.report_events import Part, Picture, ReportShown, ReportTable, Role, Sentences, TableRow
from dsterm.render.plain import ascii_line
from dsterm.render.report_block import cell_counts, report_lines, report_text

PICTURE = Picture(parts=tuple(Part(role=role, tokens=1 + 1_000 * place) for place, role in enumerate(Role)))


def report(*names: str) -> ReportShown:
    rows = tuple(TableRow(cells=(name, "1,433", "6 %", "$0.0002", "hit"), role=Role.PACK) for name in names)
    table = ReportTable(header=("", "tokens", "window", "$ again", "cached"), rows=rows, drops=(2, 4))
    return ReportShown(
        title="The window", sections=(PICTURE, table, Sentences(texts=("Some advice with a path. " * 9,)))
    )


@pytest.mark.parametrize("width", [20, 50, 80, 140])
def test_a_report_fits_every_width(width: int) -> None:
    lines = report_lines(report("src/", "a" * 200, "日本語のフォルダ/"), width)
    assert max(line.width for line in lines) <= width


def test_narrow_screens_give_up_columns_in_their_order() -> None:
    assert "window" in report_text(report("src/"), 80)
    narrow = report_text(report("a rather long folder/"), 46)
    assert "6 %" not in narrow
    assert "$0.0002" in narrow


def test_each_role_has_a_glyph_of_its_own_with_and_without_unicode() -> None:
    rows = tuple(TableRow(cells=(role.value, "1"), role=role) for role in Role)
    table = ReportTable(header=("", "n"), rows=rows)
    lines = report_lines(ReportShown(title="t", sections=(table,)), 80)[2:]
    assert len({line.text.strip()[0] for line in lines}) == len(Role)
    plain = [ascii_line(line).text.strip()[0] for line in lines]
    assert len(set(plain)) == len(Role)
    assert all(glyph.isascii() for glyph in plain)


def test_hostile_names_are_clean_and_take_one_line() -> None:
    lines = report_lines(report("src\x1b[31m\n\x07/\u202eevil\t/"), 80)
    text = "\n".join(line.text for line in lines)
    assert not any(character in text for character in "\x1b\x07\u202e\t")
    assert len(lines) == len(report_lines(report("src/"), 80))


def test_rows_of_words_are_wrapped_not_cut() -> None:
    words = "a reason that is longer than the line has room for, and then some more of it"
    table = ReportTable(header=("", "n"), rows=(TableRow(cells=(words, ""), depth=1),))
    text = report_text(ReportShown(title="t", sections=(table,)), 40)
    assert " ".join(text.split()).endswith("some more of it")


@given(st.lists(st.integers(0, 2_000_000), min_size=1, max_size=12), st.integers(40, 200))
def test_the_picture_is_whole_and_shows_whatever_is_there(tokens: list[int], size: int) -> None:
    counts = cell_counts(tokens, size)
    if any(tokens):
        assert sum(counts) == size
    assert all((count > 0) == (each > 0) for count, each in zip(counts, tokens, strict=True))
