from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from source_surveys import survey

from dsterm.core.errors import GitError, UsageError
from dsterm.workspace.git.git import Git
from dsterm.workspace.git.git_hardening import explain
from dsterm.workspace.git.git_source import LocalSource, RemoteSource, parse_source

CAP = 100_000


def trap(folder: Path, name: str, then: str = "cat") -> tuple[Path, Path]:
    mark = folder / f"{name}-was-run"
    script = folder / f"{name}.sh"
    script.write_text(f"#!/bin/sh\ntouch {mark}\n{then}\n")
    script.chmod(0o755)
    return script, mark


def test_the_branch_is_read_without_git(repo, git, door, tmp_path):
    assert door.branch() == "main"
    git(repo, "checkout", "-qb", "feature/x")
    assert door.branch() == "feature/x"
    commit = git(repo, "rev-parse", "HEAD").strip()
    git(repo, "checkout", "-q", "--detach")
    assert door.branch() == commit[:7]
    git(repo, "worktree", "add", "-q", "-b", "side", str(tmp_path / "tree"))
    assert Git(None, tmp_path / "tree", environment={}).branch() == "side"
    assert Git(None, tmp_path / "home", environment={}).branch() == ""


async def test_the_dirty_count_is_of_changed_and_untracked_files(repo, git, door, tmp_path, environment):
    assert await door.dirty_count() == 0
    (repo / "src" / "a.py").write_text("a = 2\n")
    (repo / "new.txt").write_text("x")
    (repo / "x.log").write_text("ignored")
    git(repo, "mv", "README.md", "READ.md")
    assert await door.dirty_count() == 4
    assert await Git(None, repo, environment=environment).dirty_count() == 0


def test_dubious_ownership_names_the_setting():
    error = explain(b"fatal: detected dubious ownership in repository at '/x'\n", Path("/x"))
    assert isinstance(error, GitError)
    assert "safe.directory /x" in str(error)


def test_words_of_git_lose_their_escapes():
    assert "\x1b" not in str(explain(b"fatal: \x1b[31mred\x1b[0m\n", Path("/x")))


async def test_programs_that_a_repository_configures_are_not_run(repo, git, door, sources, workspace, tmp_path):
    traps = {name: trap(tmp_path, name) for name in ("fsmonitor", "hook", "filter", "diff", "textconv", "pager")}
    hooks = repo / ".git" / "hooks"
    for hook in ("post-index-change", "pre-commit", "post-checkout", "reference-transaction"):
        (hooks / hook).write_text(f"#!/bin/sh\n{traps['hook'][0]}\n")
        (hooks / hook).chmod(0o755)
    with (repo / ".git" / "config").open("a") as config:
        config.write(
            f"[core]\n fsmonitor = {traps['fsmonitor'][0]}\n pager = {traps['pager'][0]}\n"
            f'[filter "e=vil.x"]\n clean = {traps["filter"][0]}\n smudge = {traps["filter"][0]}\n required = true\n'
            f"[diff]\n external = {traps['diff'][0]}\n"
            f'[diff "evil"]\n textconv = {traps["textconv"][0]}\n command = {traps["diff"][0]}\n'
        )
    (repo / ".gitattributes").write_text("*.py filter=e=vil.x diff=evil\n")
    (repo / "src" / "a.py").write_text("a = 7\n")
    assert await door.dirty_count() == 2
    await survey(sources)
    await survey(sources, ".@HEAD")
    await workspace.files(repo)
    for command in (["status"], ["diff"], ["log", "-p"], ["grep", "--untracked", "a"], ["show"]):
        assert (await workspace.run(["git", *command], timeout=5, cap=CAP)).exit_code == 0
    assert [name for name, (_, mark) in traps.items() if mark.exists()] == []
    # The traps are real: plain git runs them.
    git(repo, "status")
    assert traps["fsmonitor"][1].exists() and traps["filter"][1].exists()


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c touch% x",
        "ext::sh",
        "fd::17",
        "git://example.org/x",
        "http://example.org/x",
        "ftp://example.org/x",
        "https://user:pw@example.org/x",
        "ssh://-oProxyCommand=x/y",
        "https://example.org/x@--upload-pack=x",
        "https://example.org/x@a:b",
        "git@host:x@-b",
        "-u",
        "--upload-pack=x",
        "a\x1bb",
        "",
    ],
)
def test_odd_urls_are_refused(url, tmp_path):
    with pytest.raises(UsageError):
        parse_source(url, tmp_path)


@pytest.mark.parametrize(
    ("source", "url", "revision"),
    [
        ("https://example.org/a/b.git", "https://example.org/a/b.git", ""),
        ("https://example.org/a/b@v1.2", "https://example.org/a/b", "v1.2"),
        ("https://example.org/a/b@feature/x", "https://example.org/a/b", "feature/x"),
        ("https://example.org/@scope/b", "https://example.org/@scope/b", ""),
        ("ssh://git@example.org/a/b", "ssh://git@example.org/a/b", ""),
        ("git@example.org:a/b.git@main", "git@example.org:a/b.git", "main"),
        ("git@example.org:a/b.git", "git@example.org:a/b.git", ""),
        ("file:///srv/a", "file:///srv/a", ""),
    ],
)
def test_urls_and_revisions_are_told_apart(source, url, revision, tmp_path):
    assert parse_source(source, tmp_path) == RemoteSource(url=url, revision=revision)


def test_a_folder_may_have_an_at_sign_in_its_name(tmp_path):
    root = tmp_path.resolve()
    (root / "a@b").mkdir()
    assert parse_source("a@b", root) == LocalSource(folder=root / "a@b")
    assert parse_source("a@b@HEAD@{1}", root) == LocalSource(folder=root / "a@b", revision="HEAD@{1}")
    with pytest.raises(UsageError, match="names no revision"):
        parse_source("a@b@--flag", root)


def test_importing_the_room_does_not_import_gitpython():
    code = "import sys, dsterm.workspace.git.git, dsterm.workspace.files.local; print('git' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "False"
