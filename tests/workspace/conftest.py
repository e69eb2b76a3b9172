from __future__ import annotations

import os
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from source_surveys import read, survey

from dsterm.core.attachments import PackChoice
from dsterm.core.errors import DstermError
from dsterm.workspace.files.local import LocalWorkspace
from dsterm.workspace.git.git import Git
from dsterm.workspace.programs import find_program, program_folders
from dsterm.workspace.saved.checkpoints import Checkpoints
from dsterm.workspace.sources.sources import Sources

CAP = 100_000


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        "[user]\n name = A\n email = a@example.org\n[init]\n defaultBranch = main\n[gc]\n auto = 0\n"
    )
    return {"PATH": os.environ["PATH"], "HOME": str(home), "NOVITA_API_KEY": "secret"}


@pytest.fixture
def git(environment: dict[str, str]) -> Callable[..., str]:
    def run(folder: Path, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=folder, env=environment, capture_output=True, check=True)
        return done.stdout.decode()

    return run


@pytest.fixture
def repo(tmp_path: Path, git: Callable[..., str]) -> Path:
    folder = tmp_path / "repo"
    (folder / "src").mkdir(parents=True)
    git(folder, "init", "-q")
    (folder / "src" / "a.py").write_text("a = 1\n")
    (folder / "README.md").write_text("# hello\n")
    (folder / ".gitignore").write_text("ignored/\n*.log\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


@pytest.fixture
def programs(environment: dict[str, str]) -> tuple[Path, ...]:
    return program_folders(environment)


@pytest.fixture
def door(repo: Path, tmp_path: Path, environment: dict[str, str], programs: tuple[Path, ...]) -> Git:
    program = find_program("git", programs, outside=repo)
    return Git(program, repo, environment=environment)


@pytest.fixture
def sources(repo: Path, door: Git, tmp_path: Path) -> Sources:
    return Sources(door.door, repo, clones=tmp_path / "clones", closed=(tmp_path / "state",), cap=CAP)


@pytest.fixture
def workspace(repo: Path, environment: dict[str, str], programs: tuple[Path, ...]) -> LocalWorkspace:
    return LocalWorkspace(repo, program_folders=programs, environment=environment)


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "sprung"


@pytest.fixture
def trap(tmp_path: Path, mark: Path) -> str:
    """A program that leaves a mark, whatever it is called with."""
    script = tmp_path / "trap.sh"
    script.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    script.chmod(0o755)
    return str(script)


@pytest.fixture
def everything(
    repo: Path, door: Git, sources: Sources, workspace: LocalWorkspace, tmp_path: Path
) -> Callable[..., Awaitable[int]]:
    """All that dsterm does with a repository by itself; what git refuses may fail, but only in words."""

    async def run(folder: Path = repo) -> int:
        saver = Checkpoints(repo, tmp_path / "state", door=door.door).tree_saver()
        assert saver is not None
        done = 0
        for act in (
            door.dirty_count,
            lambda: _attach(sources, str(folder), PackChoice(since="HEAD", enters=("inner", "mod"))),
            lambda: _attach(sources, f"{folder}@HEAD", PackChoice(since="HEAD")),
            lambda: _attach(sources, f"file://{folder}", PackChoice()),
            lambda: _attach(sources, str(folder / ".git"), PackChoice()),
            lambda: workspace.files(repo),
            saver.save,
            lambda: door.diff(cap=CAP),
            lambda: door.diff("HEAD~0", cap=CAP),
            lambda: door.diff(staged=True, cap=CAP),
            door.staged_files,
            door.changed_files,
            door.untracked_files,
            lambda: door.review_base(""),
            lambda: workspace.run(["git", "grep", "--untracked", "-n", "-e", "a", "--", "."], timeout=5, cap=CAP),
            lambda: workspace.run(["git", "log", "-p"], timeout=5, cap=CAP),
            lambda: workspace.run(["git", "show"], timeout=5, cap=CAP),
        ):
            try:
                await act()
                done += 1
            except DstermError:
                continue
        return done

    return run


async def _attach(sources: Sources, source: str, choice: PackChoice) -> None:
    """All that attaching asks of git and of the disk."""
    found = await survey(sources, source, choice)
    assert await read(sources, found)
    await sources.ages(found)
