"""The workspace as git sees it, saved whole: for commands that may touch anything. Neither the user's index nor objects change.

git lists the files of the user's repository (tracked, and untracked but not ignored); a git folder of dsterm's own takes them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from dsterm.core.undo_events import FileChange, SavedFile, SavedTree
from dsterm.core.workspace import LeftOut
from dsterm.workspace.folder_lock import folder_lock
from dsterm.workspace.git_hardening import GitCall, GitDoor, OwnFolder
from dsterm.workspace.saved_bytes import BytesInFolder

_ORDINARY = {0o100644, 0o100755, 0o120777}
_TIMEOUT = 120.0
_NO_ID = "0" * 64


class SnapshotLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What is saved at most: bytes of a file, bytes of all of them, number of files."""

    file_size: int = 10_000_000
    total_size: int = 1_000_000_000
    files: int = 100_000


class TreeSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A saved workspace: how many files it holds, and which were left out and why."""

    saved: SavedTree
    files: int
    left_out: tuple[LeftOut, ...]


class _Chosen(msgspec.Struct, frozen=True):
    names: list[bytes]
    modes: dict[str, int]
    left_out: tuple[LeftOut, ...]


class TreeSaver:
    """Saves the work tree `root`, which lies in a git repository, into `saved`."""

    def __init__(self, door: GitDoor, root: Path, saved: BytesInFolder, limits: SnapshotLimits) -> None:
        self._door = door
        self._root = root
        self._saved = saved
        self._limits = limits
        self._own = OwnFolder(saved.folder, root)

    async def save(self) -> TreeSnapshot:
        """Save every file as it is now. UsageError where there is no repository, GitError when git can't, DiskError."""
        listed = await self._door.output(
            GitCall(
                arguments=("ls-files", "-z", "--cached", "--others", "--exclude-standard"),
                folder=self._root,
                timeout=_TIMEOUT,
            )
        )
        names = sorted({name for name in listed.split(b"\0") if name})
        chosen = await asyncio.to_thread(self._choose, names)
        modes = await asyncio.to_thread(self._saved.put, msgspec.json.encode(chosen.modes, order="sorted"))
        async with self._alone():
            former = (await self._git("ls-files", "-z")).split(b"\0")
            gone = sorted({name for name in former if name} - set(chosen.names))
            if gone:
                entries = b"".join(b"0 %s\t%s\0" % (_NO_ID.encode(), name) for name in gone)
                await self._git("update-index", "-z", "--index-info", stdin=entries)
            if chosen.names:
                stdin = b"\0".join(chosen.names) + b"\0"
                await self._git("update-index", "--add", "--remove", "--replace", "-z", "--stdin", stdin=stdin)
            tree = (await self._git("write-tree")).decode("ascii").strip()
            objects = await self._git("ls-tree", "-r", "-t", "-z", tree)
            ids = [entry.split(b"\t", 1)[0].split(b" ")[2].decode("ascii") for entry in objects.split(b"\0") if entry]
            await asyncio.to_thread(self._saved.freshen, [tree, *ids])
        return TreeSnapshot(saved=SavedTree(tree=tree, modes=modes), files=len(chosen.names), left_out=chosen.left_out)

    async def changes(self, before: SavedTree, after: SavedTree) -> tuple[FileChange, ...]:
        """What differs between two saved workspaces, file by file, ready for undo. GitError, DiskError."""
        raw = await self._git("diff-tree", "-r", "-z", "--no-renames", before.tree, after.tree)
        fields = raw.split(b"\0")[:-1]
        old_modes, new_modes = await asyncio.to_thread(self._modes, before), await asyncio.to_thread(self._modes, after)
        found = {}
        for facts, name in zip(fields[::2], fields[1::2], strict=True):
            old_mode, new_mode, old_id, new_id, _ = facts.decode("ascii").removeprefix(":").split(" ")
            path = os.fsdecode(name)
            found[path] = FileChange(
                before=_file(path, old_id, old_mode, old_modes), after=_file(path, new_id, new_mode, new_modes)
            )
        return tuple(found[path] for path in sorted(found))

    def _modes(self, saved: SavedTree) -> dict[str, int]:
        return msgspec.json.decode(self._saved.get(saved.modes), type=dict[str, int])

    def _choose(self, names: list[bytes]) -> _Chosen:
        """The files that can be saved within the limits, each a regular file or a link and not behind one."""
        kept: list[bytes] = []
        modes: dict[str, int] = {}
        left_out: list[LeftOut] = []
        folders: dict[Path, bool] = {}
        total = 0
        for name in names:
            path = self._root / os.fsdecode(name)
            facts = _facts(path, folders)
            if facts is None:
                continue
            total += facts.st_size
            reason = self._reason(path, facts, total, len(kept))
            if reason:
                total -= facts.st_size
                left_out.append(LeftOut(path=os.fsdecode(name), reason=reason))
                continue
            kept.append(name)
            if facts.st_mode not in _ORDINARY:
                modes[name.decode("utf-8", "backslashreplace")] = facts.st_mode
        return _Chosen(kept, modes, tuple(left_out))

    def _reason(self, path: Path, facts: os.stat_result, total: int, count: int) -> str:
        limits = self._limits
        if facts.st_size > limits.file_size:
            return f"{facts.st_size:,} bytes, over the limit of {limits.file_size:,}"
        if total > limits.total_size:
            return f"over the limit of {limits.total_size:,} bytes for all files"
        if count >= limits.files:
            return f"over the limit of {limits.files:,} files"
        if stat.S_ISREG(facts.st_mode) and not os.access(path, os.R_OK):
            return "it can't be read"
        return ""

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """One snapshot at a time in this folder; what a killed one left locked is free again."""
        with contextlib.ExitStack() as stack:
            await asyncio.to_thread(stack.enter_context, folder_lock(self._saved.folder))
            (self._saved.folder / "index.lock").unlink(missing_ok=True)
            yield

    async def _git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        call = GitCall(arguments=arguments, folder=self._root, own=self._own, stdin=stdin, timeout=_TIMEOUT)
        return await self._door.output(call)


def _facts(path: Path, folders: dict[Path, bool]) -> os.stat_result | None:
    """What stands at `path`, if it is a regular file or a link and no folder on the way is one."""
    parent = path.parent
    if parent not in folders:
        folders[parent] = Path(os.path.realpath(parent)) == parent
    if not folders[parent]:
        return None
    try:
        facts = path.lstat()
    except OSError:
        return None
    return facts if stat.S_ISREG(facts.st_mode) or stat.S_ISLNK(facts.st_mode) else None


def _file(path: str, blob: str, mode: str, modes: dict[str, int]) -> SavedFile:
    if blob == _NO_ID:
        return SavedFile(path=path)
    ordinary = int(mode, 8)
    if stat.S_ISLNK(ordinary):
        return SavedFile(path=path, blob=blob, mode=stat.S_IFLNK | 0o777)
    kept = modes.get(os.fsencode(path).decode("utf-8", "backslashreplace"), ordinary)
    return SavedFile(path=path, blob=blob, mode=kept)
