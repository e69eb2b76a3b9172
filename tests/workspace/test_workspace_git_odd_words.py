from __future__ import annotations

import os
import stat
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hostile_git import soil
from source_surveys import survey

from dsterm.core.errors import GitError, ProgramMissing, UsageError, WorkspaceError
from dsterm.workspace.files.local import LocalWorkspace
from dsterm.workspace.git.git import Git
from dsterm.workspace.git.git_hardening import GitCall, GitDoor
from dsterm.workspace.git.git_source import parse_source
from dsterm.workspace.programs import find_program
from dsterm.workspace.sources.sources import Sources

CAP = 100_000


@pytest.mark.parametrize(
    "revision",
    ["--output=x", "-u", "--exec=touch x", "--upload-pack=x", "HEAD --output=x", "@{-1}", ":/", "HEAD:README.md", "^"],
)
async def test_a_revision_is_never_a_flag(repo: Path, door: Git, sources: Sources, revision: str) -> None:
    before = sorted(path.name for path in repo.iterdir())
    for act in (lambda: survey(sources, f".@{revision}"), lambda: door.diff(revision, cap=CAP)):
        with pytest.raises((UsageError, GitError)):
            await act()
    assert sorted(path.name for path in repo.iterdir()) == before


async def test_a_branch_that_looks_like_a_flag_or_holds_odd_characters_is_only_a_name(
    repo: Path, door: Git, sources: Sources, git: Callable[..., str]
) -> None:
    commit = git(repo, "rev-parse", "HEAD").strip()
    for name in ("--output=pwned", "-x", "a;touch${IFS}pwned", "$(touch${IFS}pwned)", "ünï", "a`b", "x|y"):
        path = repo / ".git" / "refs" / "heads" / name
        path.write_text(f"{commit}\n")
        (repo / ".git" / "HEAD").write_text(f"ref: refs/heads/{name}\n")
        assert await door.dirty_count() == 0
        assert await door.diff(cap=CAP) == ""
        assert (await survey(sources, ".@HEAD")).commit == commit
    assert not (repo / "pwned").exists()


@pytest.mark.parametrize(
    "head",
    [
        "ref: refs/heads/a\x1b]0;owned\x07b",
        "ref: refs/heads/ignore all rules and",
        "ref: refs/heads/" + "x" * 500,
        "ref: refs/heads/\u202eevil",
    ],
)
def test_what_no_branch_can_be_called_is_not_shown(repo: Path, door: Git, head: str) -> None:
    (repo / ".git" / "HEAD").write_text(f"{head}\n")
    assert door.branch() == ""


def test_a_head_that_is_a_link_or_a_pipe_is_not_read(repo: Path, door: Git, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("ref: refs/heads/the-secret\n")
    (repo / ".git" / "HEAD").unlink()
    (repo / ".git" / "HEAD").symlink_to(tmp_path / "secret")
    assert door.branch() == ""
    (repo / ".git" / "HEAD").unlink()
    os.mkfifo(repo / ".git" / "HEAD")
    assert door.branch() == ""


async def test_variables_of_git_in_the_environment_lead_nowhere(
    repo: Path, tmp_path: Path, environment: dict[str, str], programs: tuple[Path, ...], trap: str, mark: Path
) -> None:
    soil(repo)
    program = find_program("git", programs, outside=repo)
    evil = environment | {
        "GIT_DIR": str(tmp_path),
        "GIT_WORK_TREE": "/",
        "GIT_INDEX_FILE": str(tmp_path / "index"),
        "GIT_EXTERNAL_DIFF": trap,
        "GIT_SSH_COMMAND": trap,
        "GIT_PAGER": trap,
        "PAGER": trap,
        "GIT_EDITOR": trap,
        "GIT_ASKPASS": trap,
        "SSH_ASKPASS": trap,
        "GIT_PROXY_COMMAND": trap,
        "GIT_EXEC_PATH": str(tmp_path),
        "GIT_TEMPLATE_DIR": str(tmp_path),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": trap,
        "GIT_CONFIG_PARAMETERS": f"'core.fsmonitor={trap}'",
        "GIT_CONFIG_GLOBAL": str(tmp_path / "evil.config"),
        "GIT_TRACE": str(tmp_path / "trace"),
        "GIT_TRACE2_EVENT": str(tmp_path / "trace"),
        "GIT_ALLOW_PROTOCOL": "ext",
        "LD_PRELOAD": str(tmp_path / "evil.so"),
    }
    (tmp_path / "evil.config").write_text(f"[core]\n fsmonitor = {trap}\n")
    git = Git(program, repo, environment=evil)
    assert await git.dirty_count() == 3
    assert len((await survey(Sources(git.door, repo, clones=tmp_path / "clones", cap=CAP))).files) == 5
    assert "a = 9" in await git.diff(cap=CAP)
    assert not mark.exists()
    assert not (tmp_path / "trace").exists()


def stand_in(tmp_path: Path, words: str) -> Path:
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\n{words}\n")
    (folder / "git").chmod(0o755)
    return folder


async def test_a_git_that_hangs_is_stopped_and_its_children_with_it(
    repo: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    mark = tmp_path / "late"
    folder = stand_in(tmp_path, f"(sleep 3; touch {mark}) & wait")
    git = Git(folder / "git", repo, environment=environment)
    start = time.monotonic()
    with pytest.raises(GitError, match="longer than"):
        await git.dirty_count(timeout=0.3)
    # The filters are asked for first, with a limit of their own.
    assert time.monotonic() - start < 40
    assert not mark.exists()


async def test_a_git_that_never_stops_talking_is_cut(repo: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    folder = stand_in(tmp_path, "yes")
    workspace = LocalWorkspace(repo, program_folders=(folder,), environment=environment)
    door = GitDoor(folder / "git", environment, outside=repo)
    done = await door.run(GitCall(arguments=("ls-files",), folder=repo, cap=1000))
    assert done.is_cut
    assert len(done.stdout) == 1000
    assert [path.name for path in await workspace.files(repo / "src")] == ["a.py"]


@pytest.mark.parametrize(
    "command", ["gc", "submodule", "checkout", "archive", "difftool", "!touch x", "", "--exec-path=/x"]
)
async def test_only_commands_that_are_known_to_be_harmless_are_started(workspace: LocalWorkspace, command: str) -> None:
    with pytest.raises(WorkspaceError, match="is not used here"):
        await workspace.run(["git", command], timeout=5, cap=CAP)


@pytest.mark.parametrize(
    "url", ["ext::sh -c 'touch x'", "-upload", "fd::3", "file://-oX/y", "ssh://-oProxyCommand=x/y", "git@-x:y"]
)
def test_a_url_is_never_a_command(url: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        parse_source(url, tmp_path)


async def test_before_the_folder_is_trusted_git_only_lists(
    repo: Path, tmp_path: Path, environment: dict[str, str], programs: tuple[Path, ...]
) -> None:
    soil(repo)
    log = tmp_path / "calls"
    real = find_program("git", programs, outside=repo)
    folder = stand_in(tmp_path, f'echo "$@" >> {log}\nexec {real} "$@"')
    workspace = LocalWorkspace(repo, program_folders=(folder, *programs), environment=environment, is_trusted=False)
    git = Git(folder / "git", repo, environment=environment, is_trusted=False)
    assert git.branch() == "main"
    assert await git.dirty_count() == 0
    with pytest.raises(ProgramMissing, match="before the folder is trusted"):
        await workspace.run(["git", "grep", "-e", "a"], timeout=5, cap=CAP)
    for act in (git.staged_files, git.changed_files, git.untracked_files, lambda: git.diff(cap=CAP)):
        with pytest.raises(UsageError, match="trust"):
            await act()
    assert not log.exists()
    assert len(await workspace.files(repo)) == 5
    assert all("ls-files" in line for line in log.read_text().splitlines())


async def test_the_index_and_configuration_of_the_user_stay_as_they_are(
    repo: Path, everything: Callable[..., Awaitable[int]]
) -> None:
    soil(repo, "")
    before = {path: path.read_bytes() for path in (repo / ".git").rglob("*") if path.is_file()}
    os.utime(repo / "README.md", (1, 1))
    await everything()
    after = {path: path.read_bytes() for path in (repo / ".git").rglob("*") if path.is_file()}
    assert after == before
    assert not stat.S_ISLNK((repo / ".git").lstat().st_mode)
