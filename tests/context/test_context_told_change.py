from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from told_reader import apply_told

from dsterm.context.line_changes import changed_blocks
from dsterm.context.told_change import TextChange, lines_of, told_change

words = st.sampled_from(["a", "b", "c", "", "\r", "```", "@@ -1 +1 @@", "\\ No newline at end of file", "--- a/x", "é"])
texts = st.builds(lambda lines, end: "\n".join(lines) + end, st.lists(words, max_size=12), st.sampled_from(["", "\n"]))


@given(before=texts, after=texts)
def test_who_applies_what_is_told_has_the_text_after(before: str, after: str) -> None:
    files = {"a b.py": before}
    apply_told(files, told_change(TextChange(path="a b.py", before=before, after=after)).text)
    assert files == {"a b.py": after}


@given(before=texts, after=texts)
def test_renames_and_odd_names_are_told_too(before: str, after: str) -> None:
    files = {"old\n.py": before}
    apply_told(files, told_change(TextChange(path="new.py", old_path="old\n.py", before=before, after=after)).text)
    assert files == {"new.py": after}


@given(after=texts)
def test_new_files_and_those_whose_text_is_lost_are_told_whole(after: str) -> None:
    files: dict[str, str] = {"b": "lost"}
    apply_told(files, told_change(TextChange(path="a", before=None, after=after)).text)
    apply_told(files, told_change(TextChange(path="b", before=None, after=after, is_unsure=True)).text)
    assert files == {"a": after, "b": after}


def test_what_is_gone_or_no_text_any_more_is_said() -> None:
    files = {"a": "x\n", "b": "x\n"}
    gone = told_change(TextChange(path="a", before="x\n", after=None))
    binary = told_change(TextChange(path="b", before="x\n", after=None, why="binary"))
    assert "deleted file" in gone.text
    assert "now binary" in binary.text
    apply_told(files, gone.text + binary.text)
    assert files == {}


def test_a_small_change_is_a_diff_with_three_lines_around_it() -> None:
    before = "".join(f"{number}\n" for number in range(20))
    told = told_change(TextChange(path="n", before=before, after=before.replace("10\n", "ten\n")))
    assert told.text == (
        "diff --git a/n b/n\n--- a/n\n+++ b/n\n@@ -8,7 +8,7 @@\n 7\n 8\n 9\n-10\n+ten\n 11\n 12\n 13\n"
    )
    assert (told.added, told.removed, told.is_whole) == (1, 1, False)


def test_a_rewritten_file_is_told_whole() -> None:
    told = told_change(TextChange(path="n", before="a\n" * 50, after="b\n"))
    assert told.is_whole
    assert told.text.endswith("its whole text is now:\n```\nb\n```\n")


@given(before=texts, after=texts)
def test_blocks_make_one_text_of_the_other(before: str, after: str) -> None:
    old, new = lines_of(before), lines_of(after)
    made, place = [], 0
    for a, b, c, d in changed_blocks(old, new):
        assert a >= place
        made += [*old[place:a], *new[c:d]]
        place = b
    assert "".join([*made, *old[place:]]) == after


@pytest.mark.parametrize("line", ["same\n", "{}\n"])
def test_long_files_are_compared_by_their_landmarks(line: str) -> None:
    old = [line.format(number) if number % 3 else f"    {number % 7}\n" for number in range(30_000)]
    new = [*old[:100], "here\n", *old[100:20_000], "there\n", *old[20_001:]]
    blocks = changed_blocks(old, new)
    assert blocks
    if line != "same\n":
        assert blocks == [(100, 100, 100, 101), (20_000, 20_001, 20_001, 20_002)]
