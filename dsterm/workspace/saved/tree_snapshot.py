"""The workspace as git sees it, saved whole: for commands that may touch anything. Neither the user's index nor objects change.

git lists the files of the user's repository (tracked, and untracked but not ignored). They are read here, behind no link and by
no filter that a repository names; a git folder of dsterm's own keeps them and the trees that they make.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec

from dsterm.core.attachments import LeftOut
from dsterm.core.undo_events import FileChange, SavedFile, SavedTree
from dsterm.workspace.files.folder_lock import folder_lock
from dsterm.workspace.files.inside import Inside
from dsterm.workspace.files.listing import by_folder
from dsterm.workspace.files.open_folder import OpenFolder
from dsterm.workspace.files.seen_files import SeenFiles
from dsterm.workspace.git.git_hardening import GitCall, GitDoor, OwnFolder
from dsterm.workspace.saved.saved_bytes import BytesInFolder, Filling

LINK_MODE = stat.S_IFLNK | 0o777
_ORDINARY = {0o100644, 0o100755, LINK_MODE}
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


class TreeSaver:
    """Saves the work tree at the root of `inside`, which lies in a git repository, into `saved`."""

    def __init__(
        self,
        door: GitDoor,
        inside: Inside,
        saved: BytesInFolder,
        limits: SnapshotLimits,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        self._door = door
        self._inside = inside
        self._saved = saved
        self._limits = limits
        self._now = now
        self._own = OwnFolder(saved.folder, inside.root)

    async def save(self) -> TreeSnapshot:
        """Save every file as it is now. UsageError where there is no repository, GitError when git can't, DiskError."""
        listed = await self._door.output(
            GitCall(
                arguments=("ls-files", "-z", "--cached", "--others", "--exclude-standard"),
                folder=self._inside.root,
                timeout=_TIMEOUT,
            )
        )
        names = {name for name in listed.split(b"\0") if name}
        collection = await asyncio.to_thread(self._collect, names)
        modes = await asyncio.to_thread(self._saved.put, msgspec.json.encode(collection.modes, order="sorted"))
        async with self._alone():
            changed = _index_lines(await self._git("ls-files", "--stage", "-z"), collection.entries)
            if changed:
                await self._git("update-index", "--add", "--replace", "-z", "--index-info", stdin=changed)
            tree = (await self._git("write-tree")).decode("ascii").strip()
            folders = await self._git("ls-tree", "-r", "-d", "-z", tree)
            ids = [entry.split(b"\t", 1)[0].split(b" ")[2].decode("ascii") for entry in folders.split(b"\0") if entry]
            await asyncio.to_thread(self._saved.freshen, [tree, *ids])
        saved = SavedTree(tree=tree, modes=modes)
        return TreeSnapshot(saved=saved, files=len(collection.entries), left_out=tuple(collection.left_out))

    async def changes(self, before: SavedTree, after: SavedTree) -> tuple[FileChange, ...]:
        """What differs between two saved workspaces, file by file, ready for undo. GitError, DiskError."""
        raw = await self._git("diff-tree", "-r", "-z", "--no-renames", before.tree, after.tree)
        fields = raw.split(b"\0")[:-1]
        old_modes, new_modes = await asyncio.to_thread(self._modes, before), await asyncio.to_thread(self._modes, after)
        found = {}
        for facts, name in zip(fields[::2], fields[1::2], strict=True):
            old_mode, new_mode, old_id, new_id, _ = facts.decode("ascii").removeprefix(":").split(" ")
            path = name.decode()
            found[path] = FileChange(
                before=_file(path, old_id, old_mode, old_modes), after=_file(path, new_id, new_mode, new_modes)
            )
        # What git does not keep of permissions is in neither tree.
        names = {path for path in {*old_modes, *new_modes} - {*found} if old_modes.get(path) != new_modes.get(path)}
        for path, mode, blob in await self._standing(after, names):
            found[path] = FileChange(
                before=_file(path, blob, mode, old_modes), after=_file(path, blob, mode, new_modes)
            )
        return tuple(found[path] for path in sorted(found))

    async def _standing(self, saved: SavedTree, names: set[str]) -> list[tuple[str, str, str]]:
        """Path, mode and blob of those of `names` that are in the tree."""
        if not names:
            return []
        entries = (
            entry.partition(b"\t") for entry in (await self._git("ls-tree", "-r", "-z", saved.tree)).split(b"\0")
        )
        facts = {name.decode(): fact.decode("ascii").split(" ") for fact, _, name in entries if name}
        return [(name, facts[name][0], facts[name][2]) for name in names if name in facts]

    def _modes(self, saved: SavedTree) -> dict[str, int]:
        return msgspec.json.decode(self._saved.get(saved.modes), type=dict[str, int])

    def _collect(self, names: set[bytes]) -> _Collection:
        """Read and keep the files that can be saved within the limits."""
        collection = _Collection(self._limits)
        readable = collection.plain_names(names)
        seen = SeenFiles(self._saved.folder / "seen", self._now())
        with self._saved.filling() as filling:
            for folder, members in by_folder(self._inside.root, readable, self._inside):
                if isinstance(folder, OSError):
                    continue  # What is gone, or behind a link, git would not add either.
                for name in members:
                    if not self._inside.is_closed(self._inside.root / name):
                        collection.take(folder, name, seen, filling)
        # Only now is everything on disk that it speaks of.
        seen.keep()
        return collection

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """One snapshot at a time in this folder; what a killed one left locked is free again."""
        with contextlib.ExitStack() as stack:
            await asyncio.to_thread(stack.enter_context, folder_lock(self._saved.folder))
            (self._saved.folder / "index.lock").unlink(missing_ok=True)
            yield

    async def _git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        call = GitCall(arguments=arguments, folder=self._inside.root, own=self._own, stdin=stdin, timeout=_TIMEOUT)
        return await self._door.output(call)


class _Found(msgspec.Struct, frozen=True):
    """A file or link, and its bytes; `blob` in place of these where they are kept already."""

    facts: os.stat_result
    data: bytes = b""
    blob: str = ""


class _Collection:
    """The files of a snapshot: for each what git's index says of it, beside that unusual modes, and what was left out."""

    def __init__(self, limits: SnapshotLimits) -> None:
        self._limits = limits
        self._total = 0
        self.entries: dict[bytes, bytes] = {}
        self.modes: dict[str, int] = {}
        self.left_out: list[LeftOut] = []

    def plain_names(self, names: set[bytes]) -> list[str]:
        """Those of `names` that are text: others can't stand in a session."""
        plain = []
        for name in sorted(names):
            try:
                plain.append(name.decode())
            except UnicodeDecodeError:
                self._leave_out(name.decode("utf-8", "replace"), "its name is not plain text")
        return plain

    def take(self, folder: OpenFolder, path: str, seen: SeenFiles, filling: Filling) -> None:
        """Take the file or link at `path`, which stands in `folder`, if there is one and it fits."""
        try:
            found = self._look(folder, path, seen, filling)
        except FileNotFoundError:
            return
        except OSError as error:
            self._leave_out(path, f"it can't be read: {error.strerror}")
            return
        if found is None:
            return
        self._total += found.facts.st_size
        mode = LINK_MODE if stat.S_ISLNK(found.facts.st_mode) else found.facts.st_mode
        blob = found.blob or filling.put(found.data)
        if stat.S_ISREG(mode):
            seen.note(path, found.facts, blob)
        if mode not in _ORDINARY:
            self.modes[path] = mode
        kind = b"120000" if stat.S_ISLNK(mode) else b"100755" if mode & stat.S_IXUSR else b"100644"
        self.entries[path.encode()] = b"%s %s" % (kind, blob.encode("ascii"))

    def _look(self, folder: OpenFolder, path: str, seen: SeenFiles, filling: Filling) -> _Found | None:
        """What stands at `path`, read if it has to be; None for what is not saved. OSError."""
        name = path.rpartition("/")[2]
        facts = folder.find(name) if name else None
        if facts is None or not self._fits(path, facts):
            return None
        if stat.S_ISLNK(facts.st_mode):
            return _Found(facts, data=os.fsencode(folder.read_link(name)))
        blob = seen.blob(path, facts)
        if blob and filling.has(blob):
            return _Found(facts, blob=blob)
        descriptor = folder.open_regular(name)
        with os.fdopen(descriptor, "rb") as stream:
            facts = os.fstat(descriptor)
            # Not more than it is said to have: it may be growing.
            return _Found(facts, data=stream.read(facts.st_size)) if self._fits(path, facts) else None

    def _fits(self, path: str, facts: os.stat_result) -> bool:
        """Whether it is a file or link within the limits; a file that isn't is noted as left out."""
        if not (stat.S_ISREG(facts.st_mode) or stat.S_ISLNK(facts.st_mode)):
            return False
        reason = self._reason(facts)
        if reason:
            self._leave_out(path, reason)
        return not reason

    def _reason(self, facts: os.stat_result) -> str:
        limits = self._limits
        if facts.st_size > limits.file_size:
            return f"{facts.st_size:,} bytes, over the limit of {limits.file_size:,}"
        if self._total + facts.st_size > limits.total_size:
            return f"over the limit of {limits.total_size:,} bytes for all files"
        if len(self.entries) >= limits.files:
            return f"over the limit of {limits.files:,} files"
        return ""

    def _leave_out(self, path: str, reason: str) -> None:
        self.left_out.append(LeftOut(path=path, reason=reason))


def _index_lines(listing: bytes, entries: dict[bytes, bytes]) -> bytes:
    """What git's index has to be told so that it holds `entries`: first what goes, since a folder may come in its place."""
    former = {}
    for record in filter(None, listing.split(b"\0")):
        facts, _, name = record.partition(b"\t")
        mode, blob, _ = facts.split(b" ")
        former[name] = b"%s %s" % (mode, blob)
    gone = [b"0 %s\t%s\0" % (_NO_ID.encode("ascii"), name) for name in former.keys() - entries.keys()]
    new = [b"%s\t%s\0" % (entry, name) for name, entry in entries.items() if former.get(name) != entry]
    return b"".join((*gone, *new))


def _file(path: str, blob: str, mode: str, modes: dict[str, int]) -> SavedFile:
    if blob == _NO_ID:
        return SavedFile(path=path)
    ordinary = int(mode, 8)
    if stat.S_ISLNK(ordinary):
        return SavedFile(path=path, blob=blob, mode=LINK_MODE)
    return SavedFile(path=path, blob=blob, mode=modes.get(path, ordinary))
