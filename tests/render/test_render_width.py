from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsterm.render.style import Line, Span, Style, clipped, spread
from dsterm.render.width import _ONE_CELL, cells, hard_breaks, head, padded, truncated, word_breaks
from dsterm.render.wrap import fold, wrap, wrap_text

TEXTS = st.text(st.sampled_from("ab cde   fg-'’é字、漢한👍🏽⚠\ufe0f\u0301🇩🇪"), max_size=60)
SPANS = st.lists(st.builds(Span, TEXTS.filter(bool), st.sampled_from([Style.TEXT, Style.CODE])), max_size=5)


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.integers(2, 20))
def test_no_line_is_wider_than_asked_and_no_letter_is_lost(text: str, width: int) -> None:
    for breaks in (word_breaks(text, width), hard_breaks(text, width)):
        parts = [text[start:end] for start, end in breaks]
        assert all(cells(part) <= width for part in parts)
        assert "".join(parts).replace(" ", "") == text.replace(" ", "")
        assert parts
    assert "".join(text[start:end] for start, end in hard_breaks(text, width)) == text


@settings(max_examples=300, deadline=None)
@given(SPANS, st.integers(2, 20))
def test_wrapping_spans_keeps_their_letters_and_looks(spans: list[Span], width: int) -> None:
    def letters(given_spans: list[Span]) -> list[tuple[str, Style]]:
        return [(char, span.style) for span in given_spans for char in span.text if char != " "]

    for lines in (wrap(spans, width), fold(spans, width)):
        assert lines
        assert all(line.width <= width for line in lines)
        assert letters([span for line in lines for span in line.spans]) == letters(spans)


@given(TEXTS, st.integers(0, 20))
def test_cut_text_fits(text: str, width: int) -> None:
    assert cells(truncated(text, width)) <= width
    assert cells(head(text, width)) <= width
    assert text.startswith(head(text, width))
    assert sum(cells(span.text) for span in clipped((Span(text), Span("tail")), width)) <= width
    assert spread((Span(text),), (Span("right"),), width).width <= max(width, 0)


def test_the_one_cell_scripts_really_take_one_cell() -> None:
    wcwidth = pytest.importorskip("wcwidth")
    fast = [chr(code) for code in range(32, 0x3000) if _ONE_CELL.fullmatch(chr(code))]
    assert [hex(ord(char)) for char in fast if wcwidth.wcwidth(char) != 1] == []


def test_words_break_at_blanks_and_long_ones_are_cut() -> None:
    assert [line.text for line in wrap_text("one two threefourfive", 8)] == ["one two", "threefou", "rfive"]
    assert [line.text for line in wrap_text("    in", 4)] == ["    ", "in"]


def test_east_asian_text_breaks_anywhere_but_not_before_a_closing_mark() -> None:
    assert [line.text for line in wrap_text("漢字漢字。終", 8)] == ["漢字漢", "字。終"]


def test_truncation_ends_with_an_ellipsis() -> None:
    assert truncated("abcdef", 4) == "abc…"
    assert truncated("漢字漢字", 5) == "漢字…"
    assert padded("漢", 4) == "漢  "


def test_a_line_knows_its_text_and_width() -> None:
    line = Line((Span("ab"), Span("漢", Style.CODE)))
    assert (line.text, line.width) == ("ab漢", 4)
    assert not re.search(r"\s$", line.text)
