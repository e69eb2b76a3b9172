from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsterm.context.mentions import find_mentions, write_mention
from dsterm.core.mentions import MentionKind

PATH = st.text(st.characters(exclude_characters='\n"\x00', exclude_categories=["Cs"]), min_size=1)


def targets(text):
    return [(found.mention.target, found.mention.first, found.mention.last) for found in find_mentions(text)]


@pytest.mark.parametrize(
    ("text", "target", "first", "last"),
    [
        ("@README.md explain", "README.md", 0, 0),
        ("look at @src/app.py:10-40, please", "src/app.py", 10, 40),
        ("look at @src/app.py:10.", "src/app.py", 10, 10),
        ('read @"my file.py":3-4 now', "my file.py", 3, 4),
        ('(see @"a b/c.py")', "a b/c.py", 0, 0),
        ("(see @src/app.py)", "src/app.py", 0, 0),
        ("@app/(group)/page.tsx", "app/(group)/page.tsx", 0, 0),
        ("@app/[id].tsx!", "app/[id].tsx", 0, 0),
        ("@src/ all of it", "src/", 0, 0),
        ("请看@文件/源.py，谢谢", "文件/源.py", 0, 0),
        ("line\n@.github/ci.yml", ".github/ci.yml", 0, 0),
        ('@app.route("/x")', "app.route", 0, 0),
    ],
)
def test_a_path_is_found(text, target, first, last):
    assert targets(text) == [(target, first, last)]


@pytest.mark.parametrize(
    "text",
    [
        "mail ann@example.org",
        "a.b+c@x.y",
        r"\@README.md",
        "`@app.route`",
        "a @ b",
        "@",
        "@@x",
        "@, @.",
        "git@github.com:a/b.git",
        "HEAD@{1}",
        '@""',
        "pkg/@types",
    ],
)
def test_this_is_no_mention(text):
    assert targets(text) == []


def test_what_is_no_file_has_a_kind_of_its_own():
    found = find_mentions("@diff @diff:main~2, @log and @https://example.org/a_(b)?c=d.")
    assert [(each.mention.kind, each.mention.target) for each in found] == [
        (MentionKind.DIFF, ""),
        (MentionKind.DIFF, "main~2"),
        (MentionKind.LOG, ""),
        (MentionKind.URL, "https://example.org/a_(b)?c=d"),
    ]


def test_only_a_form_that_words_do_not_have_is_sure_to_mean_a_file():
    assert [found.is_sure for found in find_mentions('@property @a/b @x.py:3 @"x"')] == [False, False, True, True]


@given(st.text())
def test_what_is_written_stands_where_it_is_said_to(text):
    end = 0
    for found in find_mentions(text):
        assert text[found.start : found.end] == found.mention.written
        assert found.start >= end
        end = found.end


@given(PATH, st.integers(0, 999_999), st.integers(0, 999_999), st.sampled_from(["", "see ", "(", "看"]))
def test_a_path_that_was_written_is_found_again(path, first, more, before):
    last = first + more if first else 0
    written = write_mention(path, first, last)
    found = find_mentions(f"{before}{written} and more")
    assert len(found) == 1
    mention = found[0].mention
    assert (mention.kind, mention.target, mention.first, mention.last) == (MentionKind.FILE, path, first, last)
    assert mention.written == written


@pytest.mark.parametrize("path", ["", "a\nb", 'a"b'])
def test_a_path_that_cannot_be_written_is_not(path):
    assert write_mention(path) == ""


@pytest.mark.parametrize("path", ["diff", "log", "my file.py", "a.", "a:3", "a,b(", "x)"])
def test_a_path_that_would_be_read_otherwise_is_quoted(path):
    assert write_mention(path).startswith('@"') or targets(write_mention(path)) == [(path, 0, 0)]


@pytest.mark.parametrize("piece", [")(", "(", ")]}", "a)(", ".", "@a)(", "@a "])
def test_a_word_without_end_takes_no_time(piece: str) -> None:
    began = time.process_time()
    found = find_mentions("@a" + piece * (1_000_000 // len(piece)))
    # In quadratic time it would be hours.
    assert time.process_time() - began < 20
    assert len(found) <= 1_000
