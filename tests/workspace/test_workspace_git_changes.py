from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dsterm.core.errors import GitError, UsageError
from dsterm.workspace.git.git import Git

CAP = 100_000


async def test_a_diff_is_of_what_stands_or_of_what_is_staged(repo: Path, git: Callable[..., str], door: Git) -> None:
    (repo / "src" / "a.py").write_text("a = 2\n")
    git(repo, "add", ".")
    (repo / "README.md").write_text("# bye\n")
    staged, standing = await door.diff(staged=True, cap=CAP), await door.diff(cap=CAP)
    assert "+a = 2" in staged
    assert "README" not in staged
    assert "+a = 2" in standing
    assert "+# bye" in standing
    assert await door.staged_files() == ("src/a.py",)
    assert await door.changed_files() == ("README.md", "src/a.py")
    git(repo, "commit", "-qm", "second")
    assert "a = 2" not in await door.diff(cap=CAP)
    assert "+a = 2" in await door.diff("HEAD~1", cap=CAP)


async def test_names_are_of_all_kinds_of_change_and_not_of_files_that_were_only_touched(
    repo: Path, git: Callable[..., str], door: Git
) -> None:
    (repo / "gone").write_text("g")
    (repo / "run.sh").write_text("r")
    (repo / "touched").write_text("t")
    (repo / "ünï cödé").write_text("u")
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "more")
    (repo / "gone").unlink()
    (repo / "run.sh").chmod(0o755)
    (repo / "touched").write_text("t")
    (repo / "ünï cödé").write_bytes(b"\0binary")
    (repo / "new").mkdir()
    (repo / "new" / "x").write_text("x")
    (repo / "a\ttab").write_text("x")
    (repo / "x.log").write_text("ignored")
    assert await door.changed_files() == ("a\ttab", "gone", "new/x", "run.sh", "ünï cödé")
    assert await door.untracked_files() == ("a\ttab", "new/x")
    assert await door.staged_files() == ()


async def test_before_the_first_commit_everything_staged_is_new(
    tmp_path: Path, git: Callable[..., str], door: Git, environment: dict[str, str]
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "-q")
    (empty / "a").write_text("a\n")
    git(empty, "add", ".")
    assert door.door is not None
    own = Git(door.door.program, empty, environment=environment)
    assert "+a" in await own.diff(staged=True, cap=CAP)
    assert await own.staged_files() == await own.changed_files() == ("a",)


async def test_paths_of_a_subfolder_are_relative_to_it(
    repo: Path, door: Git, tmp_path: Path, environment: dict[str, str]
) -> None:
    (repo / "src" / "a.py").write_text("a = 2\n")
    (repo / "README.md").write_text("# bye\n")
    (repo / "src" / "new").write_text("n")
    assert door.door is not None
    own = Git(door.door.program, repo / "src", environment=environment)
    assert await own.changed_files() == ("a.py", "new")
    assert "diff --git a/a.py b/a.py" in await own.diff(cap=CAP)
    assert "README" not in await own.diff(cap=CAP)


async def test_the_form_of_a_diff_is_the_same_whatever_is_configured(
    repo: Path, git: Callable[..., str], door: Git
) -> None:
    (repo / "src" / "a.py").write_text("a = 2\n")
    plain = await door.diff(cap=CAP)
    for setting in (
        ("color.ui", "always"),
        ("color.diff", "always"),
        ("diff.noprefix", "true"),
        ("diff.mnemonicPrefix", "true"),
        ("diff.context", "0"),
        ("diff.colorMoved", "zebra"),
        ("diff.orderFile", "/nowhere"),
        ("diff.relative", "true"),
        ("core.quotePath", "false"),
    ):
        git(repo, "config", *setting)
    assert await door.diff(cap=CAP) == plain
    assert "\x1b" not in plain


async def test_too_large_a_diff_and_no_commit_are_said(repo: Path, door: Git) -> None:
    (repo / "src" / "a.py").write_text("x\n" * 10_000)
    with pytest.raises(GitError, match="more than 1,000 bytes"):
        await door.diff(cap=1000)
    with pytest.raises(UsageError, match="names no commit"):
        await door.diff("nope", cap=CAP)
