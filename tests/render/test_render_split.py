from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dsterm.core.diff import diff_texts
from dsterm.render.plain import plain_text
from dsterm.render.split import split_lines
from dsterm.render.style import Style

BEFORE = "class Token:\n    exp: datetime\n\ndef is_expired(token: Token) -> bool:\n    return token.exp < datetime.now()\n\n"
AFTER = BEFORE.replace(
    "    return token.exp < datetime.now()", "    now = datetime.now(tz=UTC)\n    return token.exp < now"
)


def test_old_lines_stand_at_the_left_of_the_new_ones() -> None:
    drawn = plain_text(split_lines(diff_texts("src/auth/tokens.py", BEFORE, AFTER), 80))
    assert drawn == (
        "   src/auth/tokens.py  modified                                  +2 −1   1 hunk\n"
        "  2       exp: datetime                │   2       exp: datetime\n"
        "  3                                    │   3\n"
        "  4   def is_expired(token: Token) ->  │   4   def is_expired(token: Token) ->\n"
        "      bool:                            │       bool:\n"
        "  5 −     return token.exp < datetime. │   5 +     now = datetime.now(tz=UTC)\n"
        "      now()                            │\n"
        "                                       │   6 +     return token.exp < now\n"
        "  6                                    │   7\n"
    )


def test_both_sides_are_filled_to_their_edges_and_what_differs_stands_out() -> None:
    (row,) = split_lines(diff_texts("a.txt", "value = old_name(1)\n", "value = new_name(1)\n"), 80)[1:]
    assert [span.text for span in row.spans if span.style is Style.REMOVED_INLINE] == ["old_name"]
    assert [span.text for span in row.spans if span.style is Style.ADDED_INLINE] == ["new_name"]
    assert row.spans[-1].style is Style.ADDED
    assert row.width == 79


def test_context_has_the_colours_of_its_language() -> None:
    lines = split_lines(diff_texts("a.py", "def f():\n    return 1\n", "def f():\n    return 2\n"), 80)
    assert [span.style for span in lines[1].spans].count(Style.KEYWORD) == 2


@settings(max_examples=100, deadline=None)
@given(
    st.text(st.sampled_from("ab \n字\t\x1b(.")),
    st.text(st.sampled_from("ab \n字\t\x1b(.")),
    st.integers(40, 90),
)
def test_any_change_is_drawn_whole_and_within_the_width(before: str, after: str, width: int) -> None:
    diff = diff_texts("a.py", before, after)
    lines = split_lines(diff, width)
    assert all(line.width <= width for line in lines)
    text = "".join(span.text for line in lines for span in line.spans)
    assert text.isprintable() or not text
    assert text.count("字") >= sum(line.text.count("字") for hunk in diff.hunks for line in hunk.lines)
