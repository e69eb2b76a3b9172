from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dsterm.core.diff import ChangeKind, FileDiff, diff_texts
from dsterm.render.diff import diff_lines, diff_source
from dsterm.render.plain import plain_text
from dsterm.render.style import Style

BEFORE = "class Token:\n    exp: datetime\n\ndef is_expired(token: Token) -> bool:\n    return token.exp < datetime.now()\n\n"
AFTER = BEFORE.replace(
    "    return token.exp < datetime.now()", "    now = datetime.now(tz=UTC)\n    return token.exp < now"
)


def test_a_change_shows_numbers_marks_and_text() -> None:
    drawn = plain_text(diff_lines(diff_texts("src/auth/tokens.py", BEFORE, AFTER), 80))
    assert drawn == (
        "   src/auth/tokens.py  modified                                  +2 −1   1 hunk\n"
        "    2    2       exp: datetime\n"
        "    3    3\n"
        "    4    4   def is_expired(token: Token) -> bool:\n"
        "    5      −     return token.exp < datetime.now()\n"
        "         5 +     now = datetime.now(tz=UTC)\n"
        "         6 +     return token.exp < now\n"
        "    6    7\n"
    )


def test_changed_lines_are_filled_and_what_differs_in_them_stands_out() -> None:
    lines = diff_lines(diff_texts("a.txt", "value = old_name(1)\n", "value = new_name(1)\n"), 60)
    removed, added = lines[1:]
    assert (removed.fill, added.fill) == (Style.REMOVED, Style.ADDED)
    assert [span.text for span in removed.spans if span.style is Style.REMOVED_INLINE] == ["old_name"]
    assert [span.text for span in added.spans if span.style is Style.ADDED_INLINE] == ["new_name"]


def test_unlike_lines_have_no_inline_marks() -> None:
    lines = diff_lines(diff_texts("a.txt", "alpha beta\n", "something.else()\n"), 60)
    assert not [span for line in lines for span in line.spans if span.style is Style.ADDED_INLINE]


def test_context_has_the_colours_of_its_language() -> None:
    lines = diff_lines(diff_texts("a.py", "def f():\n    return 1\n", "def f():\n    return 2\n"), 60)
    assert Style.KEYWORD in [span.style for span in lines[1].spans]


def test_a_rename_names_both_paths() -> None:
    diff = FileDiff(path="new.py", old_path="old.py", kind=ChangeKind.RENAMED)
    assert diff_lines(diff, 60)[0].text.startswith("   old.py → new.py  renamed")


def test_hunks_are_parted() -> None:
    before = "".join(f"{n}\n" for n in range(40))
    drawn = plain_text(diff_lines(diff_texts("a", before, before.replace("3\n", "x\n", 1).replace("35\n", "y\n")), 60))
    assert "    ⋯\n" in drawn
    assert "2 hunks" in drawn


def test_hidden_characters_are_marked() -> None:
    drawn = plain_text(diff_lines(diff_texts("a\x1b", "", "if a\u202e == b\u200d:\x07\n"), 60))
    assert "a␛" in drawn
    assert "if a⟨U+202E⟩ == b⟨U+200D⟩:␇" in drawn


@settings(max_examples=100, deadline=None)
@given(
    st.text(st.sampled_from("ab \n字\t\x1b(.")),
    st.text(st.sampled_from("ab \n字\t\x1b(.")),
    st.sampled_from(["a.py", "a"]),
)
def test_any_change_is_drawn_whole_and_within_the_width(before: str, after: str, path: str) -> None:
    diff = diff_texts(path, before, after)
    lines = diff_lines(diff, 40)
    assert all(line.width <= 40 for line in lines)
    assert len(lines) >= 1 + sum(len(hunk.lines) for hunk in diff.hunks)
    assert all(span.text.isprintable() for line in lines for span in line.spans)


def test_the_source_is_the_change_without_numbers() -> None:
    assert diff_source(diff_texts("a", "x\n", "y\n")) == "a\n-x\n+y"
