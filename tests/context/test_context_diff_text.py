from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsterm.context.diff_text import FilePatch, added_text, new_file_patch, pack_diff, split_diff


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=x", "-c", "user.email=x@y")
    return subprocess.run(("git", *identity, *arguments), cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    for name in ("a.py", "b c.py", "gone.py", "moved.py", "ä\tö.py", "same.py"):
        (tmp_path / name).write_text("one\ntwo\n" * 20)
    (tmp_path / "moved.py").write_text("three\n" * 20)
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "x")
    return tmp_path


def test_files_of_a_real_diff_are_told_apart_by_name_and_counted(repo):
    (repo / "a.py").write_text("--- b/other.py\n+++ b/other.py\ndiff --git a/x b/x\n" + "one\ntwo\n" * 19)
    (repo / "b c.py").write_text("")
    (repo / "gone.py").unlink()
    git(repo, "mv", "moved.py", "new name.py")
    (repo / "ä\tö.py").write_text("one\ntwo\n" * 21)
    (repo / "same.py").chmod(0o755)
    (repo / "bytes").write_bytes(b"\0\1")
    git(repo, "add", "-A")
    patches = split_diff(git(repo, "diff", "--cached", "HEAD", "-M"))
    assert {patch.path: (patch.added, patch.removed) for patch in patches} == {
        "a.py": (3, 2),
        "b c.py": (0, 40),
        "bytes": (0, 0),
        "gone.py": (0, 40),
        "new name.py": (0, 0),
        "same.py": (0, 0),
        "ä\tö.py": (2, 0),
    }
    assert added_text(patches).startswith("--- b/other.py\n+++ b/other.py\ndiff --git a/x b/x\n")


def test_no_diff_has_no_files():
    assert split_diff("") == ()
    assert pack_diff((), 1000).text.strip() == ""


@pytest.mark.parametrize("text", ["a\nb\n", "a\nb", "", "\n"])
def test_new_file_is_what_git_would_show_of_it(repo, text):
    (repo / "new.py").write_text(text)
    git(repo, "add", "new.py")
    shown = git(repo, "diff", "--cached", "--", "new.py")
    made = new_file_patch("new.py", text)
    assert made.added == split_diff(shown)[0].added
    assert made.text.partition("\n@@")[2] == shown.partition("\n@@")[2]


def test_small_files_stay_whole_and_large_ones_are_cut_at_a_line():
    small = new_file_patch("small.py", "x = 1\n")
    large = [new_file_patch(f"large{number}.py", "a line of text\n" * 5_000) for number in range(3)]
    packed = pack_diff([large[0], small, *large[1:]], 10_000)
    assert small.text in packed.text
    assert len(packed.text) < 11_000
    assert packed.text.startswith("large0.py | +5000 -0\nsmall.py | +1 -0\n")
    assert [sentence.partition(" ")[2] for sentence in packed.missing] == [
        f"lines at the end of large{number}.py, for its size" for number in range(3)
    ]
    assert "a line of te\n" not in packed.text


def test_secret_looking_files_are_named_and_not_shown():
    packed = pack_diff([new_file_patch(".env", "PASSWORD=hunter2\n"), new_file_patch("a.py", "x\n")], 1_000)
    assert "hunter2" not in packed.text
    assert ".env | +1 -0" in packed.text
    assert packed.missing == (".env looks like it holds secrets",)


@given(st.lists(st.integers(0, 3_000), max_size=12), st.integers(1_000, 20_000))
def test_whatever_the_sizes_what_is_not_missing_is_whole(sizes, cap):
    patches = [FilePatch(path=f"{n}.py", text="".join(f"{i}\n" for i in range(size))) for n, size in enumerate(sizes)]
    packed = pack_diff(patches, cap)
    for patch in patches:
        assert patch.text in packed.text or any(f" of {patch.path}," in sentence for sentence in packed.missing)
    if sum(len(patch.text) for patch in patches) <= cap:
        assert not packed.missing
