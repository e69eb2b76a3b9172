"""The files of a folder, by git where there is a repository, else by walking: regular files only, no link followed."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from dsterm.core.errors import GitError, UsageError, WorkspaceError
from dsterm.workspace.files.inside import Inside
from dsterm.workspace.files.open_folder import OpenFolder
from dsterm.workspace.files.paths import SYSTEM_FOLDERS
from dsterm.workspace.git.git_hardening import GitCall, GitDoor
from dsterm.workspace.git.git_head import find_git_folder

_NOT_WALKED = frozenset({"node_modules", "bower_components", "__pycache__", "venv", "site-packages"})
_MOST_FILES = 300_000


async def list_files(folder: Path, inside: Inside, door: GitDoor | None) -> list[Path]:
    """Every file below `folder` that git does not ignore, sorted; hidden and installed ones are left out without git.

    A folder that git ignores as a whole is walked: who names it wants to see it.
    """
    if door and find_git_folder(inside.root_of(folder)):
        try:
            names = await _git_names(folder, door)
        except (GitError, UsageError):
            # git that refuses (another owner, a broken index) is no reason to show nothing.
            names = []
        if names:
            return await asyncio.to_thread(_existing, folder, names, inside)
    return await asyncio.to_thread(_walk, folder, inside)


async def list_names(folder: Path, inside: Inside, door: GitDoor | None) -> list[str]:
    """What `list_files` finds, as text relative to `folder` and as git knows it: quick, but not looked at one by one.

    A name may be that of a link, or of a file that is gone.
    """
    if door and find_git_folder(inside.root_of(folder)):
        try:
            names = await _git_names(folder, door)
        except (GitError, UsageError):
            names = []
        if names:
            return await asyncio.to_thread(lambda: [os.fsdecode(name) for name in names])
    return [path.relative_to(folder).as_posix() for path in await asyncio.to_thread(_walk, folder, inside)]


async def _git_names(folder: Path, door: GitDoor) -> list[bytes]:
    arguments = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    listing = await door.output(GitCall(arguments=arguments, folder=folder))
    return list(dict.fromkeys(name for name in listing.split(b"\0") if name))


def by_folder(top: Path, names: Iterable[str], inside: Inside) -> Iterator[tuple[OpenFolder | OSError, list[str]]]:
    """`names` below `top`, folder by folder, each folder open; the error for one that is gone, or is behind a link."""
    parted = sorted((name.rpartition("/")[0], name) for name in names)
    for parent, group in groupby(parted, key=itemgetter(0)):
        members = [name for _, name in group]
        try:
            folder = inside.open_folder(top / parent)
        except OSError as error:
            yield error, members
            continue
        with folder:
            yield folder, members


def _existing(top: Path, names: list[bytes], inside: Inside) -> list[Path]:
    """Those that are regular files now, and not behind a folder that has become a link."""
    found = []
    for folder, members in by_folder(top, map(os.fsdecode, names), inside):
        if isinstance(folder, OpenFolder):
            paths = [top / name for name in members if _is_regular(folder, name.rpartition("/")[2])]
            found += [path for path in paths if not inside.is_closed(path)]
    return sorted(found)


def _walk(top: Path, inside: Inside) -> list[Path]:
    found: list[Path] = []
    waiting = [top]
    while waiting:
        place = waiting.pop()
        try:
            folder = inside.open_folder(place)
        except OSError:
            continue  # Gone, become a link or closed in the meantime.
        with folder:
            for name, mode in _entries(folder):
                path = place / name
                if stat.S_ISREG(mode) and not inside.is_closed(path):
                    found.append(path)
                elif stat.S_ISDIR(mode) and name not in _NOT_WALKED and path not in SYSTEM_FOLDERS:
                    waiting.append(path)
        if len(found) > _MOST_FILES:
            raise WorkspaceError(f"There are more than {_MOST_FILES:,} files. Name a folder further down.")
    return sorted(found)


def _entries(folder: OpenFolder) -> Iterator[tuple[str, int]]:
    """Names and modes of what is in the folder, without hidden ones; nothing where it can't be listed."""
    try:
        names = folder.names()
    except OSError:
        return
    for name in names:
        if not name.startswith(".") and (facts := _find(folder, name)):
            yield name, facts.st_mode


def _is_regular(folder: OpenFolder, name: str) -> bool:
    facts = _find(folder, name) if name else None
    return facts is not None and stat.S_ISREG(facts.st_mode)


def _find(folder: OpenFolder, name: str) -> os.stat_result | None:
    try:
        return folder.find(name)
    except OSError:
        return None
