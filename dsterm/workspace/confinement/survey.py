"""A bounded look through the workspace before and after a command: what looks secret in it, and where git keeps repositories."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path

import msgspec

from dsterm.core.secret_names import looks_secret

_PASSED_OVER = frozenset(
    {"node_modules", ".venv", "venv", "__pycache__", ".tox", ".nox", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
    | {".hg", ".svn", ".gradle", ".cargo", "site-packages"}
)
_DEEPEST = 12
_MOST_ENTRIES = 60_000
_BARE = frozenset({"HEAD", "objects", "refs"})


class Survey(msgspec.Struct, frozen=True):
    """What was found: secret-looking files and folders (real places), and what git would take for a repository.

    `git_places` are `.git` entries of any kind and folders that are bare repositories, none of them looked into.
    `is_whole` is False where the workspace is larger than what is looked through.
    """

    secrets: tuple[Path, ...]
    git_places: tuple[Path, ...]
    is_whole: bool = True


def survey(root: Path) -> Survey:
    """Look through `root` from the top down; links are not followed into folders."""
    secrets: set[Path] = set()
    git_places: list[Path] = []
    waiting = deque([(root, 0)])
    left = _MOST_ENTRIES
    while waiting and left > 0 and waiting[0][1] <= _DEEPEST:
        folder, depth = waiting.popleft()
        entries = _entries(folder, left)
        left -= len(entries)
        names = {entry.name for entry in entries}
        if ".git" in names:
            git_places.append(folder / ".git")
        elif names >= _BARE:
            git_places.append(folder)
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if looks_secret(Path(entry.name) / "key"):
                    secrets.add(Path(entry.path))
                elif entry.name != ".git" and entry.name not in _PASSED_OVER:
                    waiting.append((Path(entry.path), depth + 1))
            elif looks_secret(entry.name) and _is_file(entry):
                # A link is as good as the file it leads to, and only that one can be hidden.
                secrets.add(Path(os.path.realpath(entry.path)))
    return Survey(tuple(sorted(secrets)), tuple(sorted(git_places)), is_whole=not waiting and left > 0)


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Whether it is a file or leads to one; a link into nowhere or in a circle is none."""
    try:
        return entry.is_file()
    except OSError:
        return False


def _entries(folder: Path, most: int) -> list[os.DirEntry[str]]:
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                found.append(entry)
                if len(found) >= most:
                    break
    except OSError:
        # A folder that can't be listed here can't be in the sandbox; one that vanished holds nothing.
        return []
    return found
