"""The text files of a repository at one moment: as they stand in the work tree, or as committed at a revision.

Names, sizes and contents come from git plumbing through the hardened door and from reads that follow no link.
"""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from pathlib import Path

import msgspec

from dsterm.core.attachments import LeftOut
from dsterm.core.errors import GitError
from dsterm.core.workspace import RepoSnapshot, SnapshotFile
from dsterm.workspace.files.inside import Inside
from dsterm.workspace.files.listing import by_folder
from dsterm.workspace.files.open_folder import OpenFolder
from dsterm.workspace.files.paths import is_below
from dsterm.workspace.git.commits import changed_files, resolve_commit
from dsterm.workspace.git.git_hardening import GitCall, GitDoor
from dsterm.workspace.git.left_out import (
    MISSING,
    OTHER_REPOSITORY,
    OWN,
    SUBMODULE,
    SYMLINK,
    reason_by_content,
    reason_by_name,
    reason_by_size,
)

_LINK_MODE = b"120000"
_SUBMODULE_MODE = b"160000"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What to take: the user's words for it, the folder, how many bytes a file may have, the folders of dsterm itself.

    `takes_secrets`: files that look secret too.
    """

    source: str
    folder: Path
    cap: int
    closed: tuple[Path, ...] = ()
    takes_secrets: bool = False


class _Sorted:
    """Files and left-out ones as they are found, and both in the order of their bytes at the end."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._files: dict[bytes, SnapshotFile] = {}
        self._left_out: dict[bytes, LeftOut] = {}

    def leave_out(self, path: bytes, reason: str) -> None:
        self._left_out[path] = LeftOut(path=path.decode("utf-8", "replace"), reason=reason)

    def take(self, path: bytes, data: bytes) -> None:
        name = path.decode("utf-8", "surrogateescape")
        if reason := reason_by_content(name, data):
            self.leave_out(path, reason)
        else:
            self._files[path] = SnapshotFile(path=name, data=data)

    def wants(self, path: bytes, size: int) -> bool:
        """Whether the content is worth reading; when it is not, the reason is noted."""
        name = path.decode("utf-8", "surrogateescape")
        place = self._place
        reason = reason_by_name(name, takes_secrets=place.takes_secrets) or reason_by_size(size, place.cap)
        if is_below(self._place.folder / name, self._place.closed):
            reason = OWN
        if reason:
            self.leave_out(path, reason)
        return not reason

    def snapshot(self, commit: str, *, is_dirty: bool) -> RepoSnapshot:
        return RepoSnapshot(
            source=self._place.source,
            commit=commit,
            is_dirty=is_dirty,
            files=tuple(self._files[path] for path in sorted(self._files)),
            left_out=tuple(self._left_out[path] for path in sorted(self._left_out)),
        )


async def snapshot_work_tree(door: GitDoor, place: Place) -> RepoSnapshot:
    """Tracked files, and untracked ones that are not ignored, as they stand now below the folder."""
    folder = place.folder
    tracked = await door.output(GitCall(arguments=("ls-files", "--stage", "-z"), folder=folder))
    untracked = await door.output(
        GitCall(arguments=("ls-files", "--others", "--exclude-standard", "-z"), folder=folder)
    )
    commit = await resolve_commit(door, folder, "HEAD", required=False)
    is_dirty = bool(await changed_files(door, folder))
    modes = {path: mode for mode, path in _stage_entries(tracked)}
    modes |= {path: b"" for path in untracked.split(b"\0") if path}
    found = _Sorted(place)
    await asyncio.to_thread(_read_work_tree, place, modes, found)
    return found.snapshot(commit, is_dirty=is_dirty)


async def snapshot_revision(door: GitDoor, place: Place, revision: str) -> RepoSnapshot:
    """The files of the commit that `revision` names, as committed. UsageError when it names none."""
    commit = await resolve_commit(door, place.folder, revision, required=True)
    listing = await door.output(GitCall(arguments=("ls-tree", "-r", "-l", "-z", commit), folder=place.folder))
    found = _Sorted(place)
    wanted: list[tuple[bytes, bytes]] = []
    size_of_all = 0
    for record in filter(None, listing.split(b"\0")):
        facts, _, path = record.partition(b"\t")
        mode, _, sha, size = facts.split()
        if mode == _LINK_MODE:
            found.leave_out(path, SYMLINK)
        elif mode == _SUBMODULE_MODE:
            found.leave_out(path, SUBMODULE)
        elif not size.isdigit():
            found.leave_out(path, MISSING)
        elif found.wants(path, int(size)):
            wanted.append((path, sha))
            size_of_all += int(size) + 128
    if wanted:
        call = GitCall(
            arguments=("cat-file", "--batch"),
            folder=place.folder,
            cap=size_of_all,
            stdin=b"".join(sha + b"\n" for _, sha in wanted),
        )
        _take_blobs(await door.output(call), [path for path, _ in wanted], found)
    return found.snapshot(commit, is_dirty=False)


def _stage_entries(listing: bytes) -> list[tuple[bytes, bytes]]:
    """Mode and path of each tracked file; one in a merge conflict stands there up to three times."""
    records = (record.partition(b"\t") for record in listing.split(b"\0") if record)
    return [(facts.split(b" ", 1)[0], path) for facts, _, path in records]


def _read_work_tree(place: Place, modes: dict[bytes, bytes], found: _Sorted) -> None:
    wanted = []
    for path, mode in modes.items():
        if mode == _SUBMODULE_MODE:
            found.leave_out(path, SUBMODULE)
        elif path.endswith(b"/"):
            found.leave_out(path, OTHER_REPOSITORY)
        else:
            wanted.append(os.fsdecode(path))
    for folder, names in by_folder(place.folder, wanted, Inside(place.folder)):
        for name in names:
            if isinstance(folder, OpenFolder):
                _read_one(folder, name, found)
            elif folder.errno == errno.ELOOP:
                found.leave_out(os.fsencode(name), SYMLINK)


def _read_one(folder: OpenFolder, name: str, found: _Sorted) -> None:
    """Read a regular file without following a link; what git lists but nobody can find is deleted, and simply not there."""
    path, leaf = os.fsencode(name), name.rpartition("/")[2]
    try:
        facts = folder.stat(leaf)
        if stat.S_ISLNK(facts.st_mode):
            found.leave_out(path, SYMLINK)
        elif not stat.S_ISREG(facts.st_mode):
            found.leave_out(path, "no regular file")
        elif found.wants(path, facts.st_size):
            with os.fdopen(folder.open_regular(leaf), "rb") as stream:
                found.take(path, stream.read(facts.st_size))
    except FileNotFoundError:
        return
    except OSError as error:
        found.leave_out(path, f"unreadable: {error.strerror}")


def _take_blobs(output: bytes, paths: list[bytes], found: _Sorted) -> None:
    """Cut the answer of `cat-file --batch`: a line `SHA TYPE SIZE`, that many bytes and a line end for each object."""
    position = 0
    for path in paths:
        end = output.index(b"\n", position)
        header = output[position:end].split()
        if len(header) != 3:
            raise GitError(
                f"git has no content for {path.decode('utf-8', 'replace')}. Fetch the missing objects first."
            )
        start = end + 1
        position = start + int(header[2]) + 1
        found.take(path, output[start : position - 1])
