from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from dsterm.workspace.git import Git
from dsterm.workspace.local import LocalWorkspace
from dsterm.workspace.programs import find_program, program_folders


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
    return Git(program, repo, clones=tmp_path / "clones", environment=environment)


@pytest.fixture
def workspace(repo: Path, environment: dict[str, str], programs: tuple[Path, ...]) -> LocalWorkspace:
    return LocalWorkspace(repo, program_folders=programs, environment=environment)
