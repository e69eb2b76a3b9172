"""The files of a folder, by git where there is a repository, else by walking: regular files only, no link followed."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

from dsterm.core.errors import GitError, UsageError, WorkspaceError
from dsterm.workspace.git_hardening import GitCall, GitDoor
from dsterm.workspace.git_head import find_git_folder

_NOT_WALKED = frozenset({"node_modules", "bower_components", "__pycache__", "venv", "site-packages"})
_MOST_FILES = 300_000


async def list_files(folder: Path, root: Path, door: GitDoor | None) -> list[Path]:
    """Every file below `folder` that git does not ignore, sorted; hidden and installed ones are left out without git.

    A folder that git ignores as a whole is walked: who names it wants to see it.
    """
    if door and find_git_folder(root):
        try:
            names = await _git_names(folder, door)
        except (GitError, UsageError):
            # git that refuses (another owner, a broken index) is no reason to show nothing.
            names = []
        if names:
            return await asyncio.to_thread(_existing, folder, names)
    return await asyncio.to_thread(_walk, folder)


async def _git_names(folder: Path, door: GitDoor) -> list[bytes]:
    arguments = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    listing = await door.output(GitCall(arguments=arguments, folder=folder))
    return list(dict.fromkeys(name for name in listing.split(b"\0") if name))


def _existing(folder: Path, names: list[bytes]) -> list[Path]:
    """Those that are regular files now, and not behind a folder that has become a link."""
    real_folders: dict[Path, bool] = {}
    found = []
    for name in names:
        path = folder / os.fsdecode(name)
        parent = path.parent
        if parent not in real_folders:
            real_folders[parent] = Path(os.path.realpath(parent)) == parent
        if real_folders[parent] and _is_regular(path):
            found.append(path)
    return sorted(found)


def _walk(folder: Path) -> list[Path]:
    found: list[Path] = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _NOT_WALKED]
        paths = (Path(place, name) for name in names if not name.startswith("."))
        found.extend(path for path in paths if _is_regular(path))
        if len(found) > _MOST_FILES:
            raise WorkspaceError(f"There are more than {_MOST_FILES:,} files. Name a folder further down.")
    return sorted(found)


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False
