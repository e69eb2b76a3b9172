"""The files of a git work tree as they stand: what git knows of them without a look, and a look at what it doesn't.

Two commands list a tree: the index with the blob of each file, and the status, which compares sizes and times with it. Contents
are compared by git where times alone don't tell, with the repository's filters switched off; no file is opened here.
"""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from dsterm.core.errors import WorkspaceError
from dsterm.core.left_out_reasons import NO_FILE, SYMLINK
from dsterm.workspace.files.inside import Inside
from dsterm.workspace.files.listing import by_folder
from dsterm.workspace.files.open_folder import OpenFolder
from dsterm.workspace.git.git_hardening import GitCall, GitDoor
from dsterm.workspace.git.git_head import find_work_tree
from dsterm.workspace.sources.git_listing import parse_index, parse_status
from dsterm.workspace.sources.listed import Listed, in_order, joined
from dsterm.workspace.sources.reasons import OTHER_REPOSITORY, SUBMODULE

_TIMEOUT = 120.0
_INDEX = ("ls-files", "--stage", "-v", "-z")
_STATUS = ("status", "--porcelain=v2", "--branch", "--no-ahead-behind", "-z", "--no-renames")
_NOT_HERE = "submodule, not fetched here"


async def list_work_tree(
    door: GitDoor, folder: Path, *, tracked_only: bool = False, enters: Sequence[str] = ()
) -> Listed:
    """Tracked files and untracked ones that are not ignored; `enters` are repositories below to go into. GitError."""
    tree = find_work_tree(folder) or folder
    untracked = "no" if tracked_only else "all"
    status_call = GitCall(
        arguments=(*_STATUS, f"--untracked-files={untracked}", "--", "."),
        folder=folder,
        timeout=_TIMEOUT,
        compares_files=True,
    )
    index_call = GitCall(arguments=_INDEX, folder=folder, timeout=_TIMEOUT)
    index, status = await asyncio.gather(door.output(index_call), door.output(status_call), return_exceptions=True)
    # Both have ended by now, whichever of them failed.
    if isinstance(index, BaseException):
        raise index
    if isinstance(status, BaseException):
        raise status
    prefix = "" if folder == tree else f"{folder.relative_to(tree).as_posix()}/"
    listed = await asyncio.to_thread(_listed, folder, index, status, prefix)
    return await enter(door, folder, listed, tracked_only=tracked_only, enters=enters)


async def enter(
    door: GitDoor, folder: Path, listed: Listed, *, tracked_only: bool = False, enters: Sequence[str] = ()
) -> Listed:
    """`listed`, the listing of `folder`, with the files of those repositories in it that `enters` names. GitError."""
    for name in _enterable(listed, enters):
        if await asyncio.to_thread(_is_own_tree, folder, folder / name):
            below = [one.removeprefix(f"{name}/") for one in enters if one.startswith(f"{name}/")]
            inner = await list_work_tree(door, folder / name, tracked_only=tracked_only, enters=below)
            listed = joined(listed, inner, name)
        else:
            listed = msgspec.structs.replace(listed, named={**listed.named, name: _NOT_HERE})
    return listed


def _listed(folder: Path, index_listing: bytes, status_listing: bytes, prefix: str) -> Listed:
    index, status = parse_index(index_listing), parse_status(status_listing, prefix)
    blobs = index.blobs
    named = dict.fromkeys(index.links, SYMLINK) | dict.fromkeys(index.submodules, SUBMODULE)
    unsure = dict.fromkeys((*index.doubtful, *status.dirty, *status.others))
    sizes: dict[str, int] = {}
    for path, found in _found(folder, [path for path in unsure if path not in index.submodules]).items():
        blobs.pop(path, None)
        named.pop(path, None)
        if isinstance(found, int):
            blobs[path] = ""
            sizes[path] = found
        elif found:
            named[path] = found
    return Listed(
        blobs=in_order(blobs) if sizes else blobs,
        sizes=sizes,
        named=named,
        commit=status.commit,
        is_dirty=status.is_dirty,
    )


def _found(folder: Path, unsure: Sequence[str]) -> dict[str, int | str]:
    """What stands at each path now: the size of a file, why it is none, or nothing at all where it is gone."""
    if not unsure:
        return {}
    found: dict[str, int | str] = dict.fromkeys(unsure, "")
    found |= {path: OTHER_REPOSITORY for path in unsure if path.endswith("/")}
    return found | look(folder, [path for path in unsure if not path.endswith("/")])


def look(folder: Path, paths: Iterable[str]) -> dict[str, int | str]:
    """What stands at `paths` below `folder`: the size of a regular file, or why it is none; those that are gone are left out."""
    kinds: dict[str, int | str] = {}
    for place, names in by_folder(folder, paths, Inside(folder)):
        if not isinstance(place, OpenFolder):
            continue
        for name in names:
            try:
                facts = place.stat(name.rpartition("/")[2])
            except OSError:
                continue  # Deleted, or nobody may look.
            if stat.S_ISREG(facts.st_mode):
                kinds[name] = facts.st_size
            else:
                kinds[name] = SYMLINK if stat.S_ISLNK(facts.st_mode) else NO_FILE
    return kinds


def _enterable(listed: Listed, enters: Iterable[str]) -> list[str]:
    """The repositories among what is named that were asked for, as the folders that they are."""
    wanted = {one.strip("/") for one in enters}
    repositories = [path.rstrip("/") for path, why in listed.named.items() if why in {SUBMODULE, OTHER_REPOSITORY}]
    return [path for path in repositories if path in wanted]


def _is_own_tree(folder: Path, place: Path) -> bool:
    """Whether a repository of its own stands at `place`, and no link leads there."""
    try:
        with Inside(folder).open_folder(place):
            return find_work_tree(place) == place
    except (OSError, WorkspaceError):
        return False
