from __future__ import annotations

import hashlib
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pack_maker import build, parse, source_of

from dsterm.context.pack_content import arrange
from dsterm.context.pack_text import OPENING
from dsterm.core.attachments import LeftOut, Level, PackChoice
from dsterm.core.errors import UsageError
from dsterm.core.left_out_reasons import BINARY


def test_a_pack_holds_each_file_after_its_path_and_the_table_after_all_files() -> None:
    built = build({"src/a.py": "print(1)\n", "README.md": "# Hi"}, commit="abc123", is_dirty=True)
    assert parse(built.text) == {"src/a.py": "print(1)", "README.md": "# Hi"}
    assert built.text.startswith(OPENING + "\n### ")
    after = built.text[built.text.rindex("```") :]
    assert "- README.md 4\n- src/a.py 9\n" in after
    assert "Work tree on commit abc123, with uncommitted changes; its state is " in after
    assert "abc123" not in built.text[: built.text.rindex("```")]
    assert "No newline at end of file" in built.text


def test_the_figures_of_a_pack_are_those_of_its_text() -> None:
    built = build({"a": "naïve\n", "b": "", "c": "x\r\ny"}, place="sub")
    data = built.text.encode()
    assert built.pack.digest == hashlib.sha256(data).hexdigest()
    assert (built.pack.size, built.pack.files, built.pack.tokens) == (len(data), 3, len(built.text))
    assert (built.pack.place, built.pack.is_followed, built.pack.choice) == ("sub", True, PackChoice())
    assert [built.text[file.start : file.start + file.length] for file in built.manifest.files] == [
        "naïve\n",
        "",
        "x\r\ny",
    ]


def test_what_can_not_be_seen_of_a_text_is_told_after_it() -> None:
    text = build({"a": "x\r\ny"}).text
    assert "x\r\ny\n```\n\\ No newline at end of file\n\\ Lines end in CRLF\n" in text


def test_the_least_recently_changed_files_come_first_and_those_of_unknown_age_before_them() -> None:
    files = dict.fromkeys(("a", "b", "c", "d", "e"), "x\n")
    built = build(files, ages={"a": 0, "c": 7, "b": 7, "e": 2})
    assert list(parse(built.text)) == ["d", "b", "c", "e", "a"]
    assert list(parse(build(files).text)) == ["a", "b", "c", "d", "e"]
    assert [file.path for file in built.manifest.files] == ["a", "b", "c", "d", "e"]


def test_the_same_files_give_the_same_bytes_wherever_they_lie() -> None:
    files = {"a.py": "1\n", "b.py": "2\n"}
    here = build(files, source="/home/ada/repo", folder=Path("/home/ada/repo"), place=None)
    there = build(files, source="../b", folder=Path("/srv/b"), place=None)
    assert here.text == there.text
    assert "ada" not in here.text
    assert "tools can't reach them" in here.text


def test_packs_share_all_before_the_first_file_that_differs() -> None:
    ages = {"old": 900, "new": 1}
    one = build({"old": "same\n", "new": "before\n"}, ages=ages, commit="aaa", place=None)
    other = build(
        {"old": "same\n", "new": "after\n"},
        ages=ages,
        commit="bbb",
        is_dirty=True,
        choice=PackChoice(tracked_only=True),
    )
    assert other.text.startswith(one.text[: one.text.index("before")])


def test_levels_are_marked_and_told() -> None:
    files = {"a.py": "def f(): ...\n", "b.py": "x\n", "c.py": "y\n"}
    choice = PackChoice(levels={"a.py": Level.OUTLINE, "b.py": Level.LISTED})
    built = build(files, choice=choice, outlines={"a.py": "def f()\n"})
    assert parse(built.text) == {"a.py · outline": "def f()", "c.py": "y"}
    assert "- a.py 8 outline\n- b.py not shown\n- c.py 2\n" in built.text
    assert built.pack.files == 2
    assert [(file.level, file.length) for file in built.manifest.files] == [
        (Level.OUTLINE, 8),
        (Level.LISTED, 0),
        (Level.FULL, 2),
    ]


def test_what_is_left_out_is_named_with_the_reason_and_a_long_list_is_cut() -> None:
    reasons = {f"bin{number:02}": BINARY for number in range(70)}
    named = (LeftOut(path="deep", reason="submodule"),)
    files = {"a": "x", "z": "y", **dict.fromkeys(reasons, "")}
    built = build(files, reasons=reasons, named=named, choice=PackChoice(exclude=("z",)))
    assert "Not included:\n- bin00 (binary)\n" in built.text
    assert "- and 21 more: 20 binary, 1 submodule\n- z (not chosen)\n" in built.text
    assert len(built.left_out) == 72


def test_options_and_the_rule_of_the_order_are_told() -> None:
    text = build({"a.py": "x"}, ages={"a.py": 1}, choice=PackChoice(include=("*.py",), tracked_only=True)).text
    assert "Order of the files: by path those that did not change within the last 2,000 commits" in text
    assert "Options: include '*.py', tracked files only.\n" in text


def test_nothing_to_attach_is_said() -> None:
    with pytest.raises(UsageError, match="no text files to attach"):
        build({"a": ""}, reasons={"a": BINARY})
    with pytest.raises(UsageError, match="other globs"):
        build({"a": "x"}, choice=PackChoice(include=("*.py",)))


paths = st.text(min_size=1, max_size=12) | st.sampled_from(["a · outline", "### a", " a", "a\n```"])
contents = st.one_of(st.text(max_size=60), st.text(alphabet="`#\n a\r", max_size=40)).map(
    lambda text: text.encode("utf-8", "replace").decode()
)


@given(st.dictionaries(paths, contents, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_no_path_or_content_forges_a_file_and_the_order_of_reading_does_not_matter(
    files: dict[str, str], random: Random
) -> None:
    names = list(files)
    random.shuffle(names)
    ages = {name: random.randrange(3) for name in names if random.random() < 0.5}
    built = build(files, ages=ages)
    shuffled = source_of(
        {name: files[name] for name in names}, ages={name: ages[name] for name in names if name in ages}
    )
    assert arrange(shuffled) == arrange(source_of(files, ages=ages))
    found = parse(built.text)
    assert found == {path: text.removesuffix("\n") for path, text in files.items()}
    for file in built.manifest.files:
        assert built.text[file.start : file.start + file.length] == files[file.path]
