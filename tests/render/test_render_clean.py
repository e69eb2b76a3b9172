from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsterm.render.clean import StreamCleaner, clean, clean_code, clean_line

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))
NASTY = st.text(st.sampled_from("ab\n\r\t\x00\x1b\x07\x7f\x85\x9b\u200b\u200c\u200d\u202e\u2066\ufeff\ud800字é⚠\ufe0f"))


@given(st.one_of(ANY_TEXT, NASTY))
def test_no_control_character_and_no_invisible_direction_survives(text: str) -> None:
    for cleaned in (clean(text), clean_code(text), clean_line(text)):
        assert all(unicodedata.category(char) not in {"Cc", "Cs"} or char in "\n\t" for char in cleaned)
        assert not set(cleaned) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u200e\u200f\ufeff")
        cleaned.encode()
    assert not set(clean_line(text)) & set("\n\t")


@given(st.one_of(ANY_TEXT, NASTY))
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@given(NASTY, st.lists(st.integers(1, 4)))
def test_cleaning_piece_by_piece_is_cleaning_the_whole(text: str, sizes: list[int]) -> None:
    cleaner = StreamCleaner()
    cleaned, at = "", 0
    for size in [*sizes, len(text) + 1]:
        cleaned += cleaner.feed(text[at : at + size])
        at += size
    assert cleaned + cleaner.finish() == clean(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\n\ttext", "plain\n\ttext"),
        ("a\r\nb\rc", "a\nb␍c"),
        ("\x1b[31mred", "␛[31mred"),
        ("\x7f\x9b", "␡\ufffd"),
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("zero\u200bwidth", "zero⟨U+200B⟩width"),
        ("tag\U000e0041", "tag⟨U+E0041⟩"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("a\u200cb", "a⟨U+200C⟩b"),
    ],
)
def test_what_is_unsafe_becomes_visible(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_code_may_not_hold_joiners_either() -> None:
    assert clean_code("é\u200dx") == "é⟨U+200D⟩x"


def test_one_line_has_no_breaks() -> None:
    assert clean_line("one\n  two\tthree") == "one two three"
