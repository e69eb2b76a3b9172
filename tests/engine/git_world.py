"""Real git repositories with a commit in them, for what stages, commits and compares."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from work_loop import CLEAN_ENVIRONMENT, WorkLoop

from dsterm.store.secrets import find_secrets, redact
from dsterm.workspace.git.git import Git
from dsterm.workspace.git.user_git import UserGit

KEYS = frozenset({"NOVITA_API_KEY"})


def environment(home: Path) -> dict[str, str]:
    """A user with a name, and a key that no hook may see."""
    return {
        **CLEAN_ENVIRONMENT,
        "HOME": str(home),
        "GIT_CONFIG_GLOBAL": str(home / "gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "NOVITA_API_KEY": "sk_0123456789abcdef0123456789abcdef",
        "GIT_DIR": str(home / "another.git"),
    }


def git(root: Path, *arguments: str, check: bool = True) -> str:
    """What git prints, run by the test itself."""
    known = {name: value for name, value in environment(root.parent / "home").items() if name != "GIT_DIR"}
    done = subprocess.run(("git", *arguments), cwd=root, capture_output=True, text=True, check=check, env=known)
    return done.stdout.rstrip("\n")


def git_loop(folder: Path, *args: object, at: str = "", **parts: object) -> WorkLoop:
    """A session in a repository with the files a.py and b.py, or in its folder `at`."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    (home / "gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n")
    repo = folder / "repo"
    root = repo / at
    root.mkdir(parents=True)
    git(repo, "init", "-q")
    (repo / "a.py").write_text("a = 1\n")
    (repo / "b.py").write_text("b = 1\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "Begin")
    program = Path(shutil.which("git") or "")
    doors = {
        "git": Git(program, root, environment=environment(home)),
        "user_git": UserGit(program, root, environment=environment(home), keys=KEYS),
        "redact": lambda text: redact(text, ()),
        "find_secrets": lambda text: tuple(found_name(each) for each in find_secrets(text, ())),
    }
    return WorkLoop(root, *args, **(doors | parts))


def found_name(found: object) -> str:
    return str(getattr(found, "name", found))


def hook(root: Path, name: str, body: str) -> None:
    """A hook of the repository, for real."""
    path = root / ".git" / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
