"""Files saved before they change, and put back: for undo, redo and rewind. Works with git and without, never in the user's own.

Synchronous and meant for a thread. Paths are relative to the workspace, `/` between parts, as diffs have them; those in an
added root are absolute. Links are saved and written as links, never followed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dsterm.core.errors import DiskError, WorkspaceError
from dsterm.core.undo_events import SavedFile
from dsterm.workspace.files.atomic_write import Content, Link, write_together
from dsterm.workspace.files.inside import Inside
from dsterm.workspace.files.open_folder import OpenFolder
from dsterm.workspace.git.git_hardening import GitDoor
from dsterm.workspace.git.git_head import find_git_folder
from dsterm.workspace.saved.leftovers import Interrupted, WritingNote, clean_up, folders_of, writing
from dsterm.workspace.saved.saved_bytes import BytesInFolder, BytesInMemory, SavedBytes
from dsterm.workspace.saved.tree_snapshot import LINK_MODE, SnapshotLimits, TreeSaver


class Checkpoints:
    """The saved files of the workspace `root` and the `extra_roots`, without those in `closed` folders (dsterm's own).

    `folder` is this project's own, None keeps everything in memory; `door` leads to git, for saving the workspace as a whole.
    """

    def __init__(
        self,
        root: Path,
        folder: Path | None,
        *,
        extra_roots: Sequence[Path] = (),
        closed: Sequence[Path] = (),
        door: GitDoor | None = None,
    ) -> None:
        self._inside = Inside(root, extra_roots=extra_roots, closed=closed)
        self._folder = folder
        self._door = door
        self._bytes: SavedBytes = BytesInFolder(folder / "git") if folder else BytesInMemory()

    def save(self, paths: Iterable[str]) -> tuple[SavedFile, ...]:
        """Keep each file as it is now, safely on disk when this returns.

        WorkspaceError for what is no regular file inside the workspace, DiskError when it can't be kept.
        """
        return tuple(self._save(path) for path in dict.fromkeys(paths))

    def now(self, path: str) -> SavedFile:
        """Keep the file as it is now; where a folder stands there is none. Raises as `save` does."""
        return self._save(path, folders_are_none=True)

    def save_readable(self, paths: Iterable[str]) -> tuple[SavedFile, ...]:
        """The same without those that can't be read or kept."""
        saved = []
        for path in dict.fromkeys(paths):
            with contextlib.suppress(WorkspaceError, DiskError):
                saved.append(self._save(path))
        return tuple(saved)

    def keep(self, path: str, data: bytes, mode: int) -> SavedFile:
        """Keep bytes that are not on disk, such as a merge, as the file `path`."""
        return SavedFile(path=path, blob=self._bytes.put(data), mode=mode)

    def content(self, saved: SavedFile) -> bytes:
        """The bytes of a saved file, empty where there was none; DiskError when they are gone."""
        return self._bytes.get(saved.blob) if saved.blob else b""

    def tree_saver(self) -> TreeSaver | None:
        """What saves the workspace (`root` alone) as a whole; None outside a repository, without git, without a folder."""
        if self._door is None or not isinstance(self._bytes, BytesInFolder) or not find_git_folder(self._inside.root):
            return None
        return TreeSaver(self._door, self._inside, self._bytes, SnapshotLimits())

    def missing_folders(self, paths: Iterable[str]) -> tuple[str, ...]:
        """The folders that would have to be made for `paths`, outer ones first. WorkspaceError for a path outside."""
        missing: dict[str, None] = {}
        for path in paths:
            parents = [parent for parent in Path(path).parents if self._is_below_root(parent)]
            missing.update((parent.as_posix(), None) for parent in reversed(parents) if not self._is_there(parent))
        return tuple(missing)

    @contextmanager
    def writing(self, session: str, files: Sequence[str], new_folders: Sequence[str]) -> Iterator[None]:
        """Around a write of `files`: should dsterm be killed in it, the next start removes what it left. DiskError."""
        if self._folder is None:
            yield
            return
        note = WritingNote(
            session=session,
            process=os.getpid(),
            files=tuple(files),
            folders=(*folders_of(files), *new_folders),
            made=tuple(reversed(new_folders)),
        )
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(writing(self._folder / "writing", note))
            except OSError as error:
                reason = (error.strerror or type(error).__name__).lower()
                raise DiskError(f"Can't note in {self._folder} which files are about to change: {reason}.") from error
            yield

    def clean_up(self) -> tuple[Interrupted, ...]:
        """Remove the temporary files of writes that a killed dsterm did not finish here; before anything is written."""
        return clean_up(self._folder / "writing", self._inside) if self._folder else ()

    def restore(self, targets: Sequence[SavedFile], expected: Sequence[SavedFile]) -> None:
        """Make the files what `targets` say, all or none.

        WorkspaceError when a file is not as `expected` (both in the same order) or can't be written; DiskError.
        """
        for wanted in expected:
            if self.now(wanted.path) != wanted:
                raise WorkspaceError(f"{wanted.path} changed just now, so nothing was taken back. Try once more.")
        changed = [target for target, now in zip(targets, expected, strict=True) if target != now]
        obstacles = _in_the_way(changed)
        gone = {each.path for each in obstacles}
        self._write(obstacles)
        self.drop_folders(_parents(gone))
        try:
            self._write([each for each in changed if each.path not in gone])
        except WorkspaceError:
            self._write([each for each in expected if each.path in gone])
            raise

    def drop_folders(self, folders: Sequence[str]) -> None:
        """Remove those of `folders` that are empty."""
        for folder in sorted(folders, key=len, reverse=True):
            with contextlib.suppress(OSError, WorkspaceError), self._parent(folder) as parent:
                parent.remove_folder(Path(folder).name)

    def make_folders(self, folders: Sequence[str]) -> None:
        """Make those of `folders` that are not there; what can't be made holds nothing anyway."""
        for folder in sorted(folders, key=len):
            with contextlib.suppress(OSError, WorkspaceError), self._parent(folder) as parent:
                parent.make_folder(Path(folder).name)

    def _write(self, files: Sequence[SavedFile]) -> None:
        contents = {self._inside.exact(each.path): self._standing(each) for each in files}
        modes = {self._inside.exact(each.path): stat.S_IMODE(each.mode) for each in files if stat.S_ISREG(each.mode)}
        write_together(self._inside, contents, modes, replaces_links=True)

    def _parent(self, path: str) -> OpenFolder:
        return self._inside.open_folder(self._inside.exact(path).parent)

    def _standing(self, saved: SavedFile) -> Content:
        """What has to stand on disk for `saved` to be true."""
        if not saved.is_there:
            return None
        content = self.content(saved)
        return Link(os.fsdecode(content)) if stat.S_ISLNK(saved.mode) else content

    def _save(self, path: str, *, folders_are_none: bool = False) -> SavedFile:
        name = self._inside.exact(path).name
        try:
            with self._parent(path) as folder:
                mode = folder.stat(name).st_mode
                if stat.S_ISDIR(mode) and folders_are_none:
                    return SavedFile(path=path)
                if stat.S_ISLNK(mode):
                    target = os.fsencode(folder.read_link(name))
                    return SavedFile(path=path, blob=self._bytes.put(target), mode=LINK_MODE)
                if not stat.S_ISREG(mode):
                    raise WorkspaceError(f"{path} is no regular file, so it can't be saved before it changes.")
                descriptor = folder.open_regular(name)
            with os.fdopen(descriptor, "rb") as stream:
                mode = os.fstat(descriptor).st_mode
                data = stream.read()
        except (FileNotFoundError, NotADirectoryError):
            return SavedFile(path=path)
        except OSError as error:
            raise WorkspaceError(f"{path} could not be read to save it: {error.strerror}.") from error
        return SavedFile(path=path, blob=self._bytes.put(data), mode=mode)

    def _is_below_root(self, path: Path) -> bool:
        place = self._inside.root / path
        return place not in self._inside.roots and any(place.is_relative_to(root) for root in self._inside.roots)

    def _is_there(self, path: Path) -> bool:
        try:
            self._inside.stat(self._inside.exact(str(path)))
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise WorkspaceError(f"{path} can't be looked at: {error.strerror}.") from error
        return True


def _in_the_way(targets: Sequence[SavedFile]) -> list[SavedFile]:
    """Those of `targets` that go and stand where a folder comes, or in a folder where a file comes; they have to go first."""
    coming = {each.path for each in targets if each.is_there}
    folders = set(_parents(coming))
    going = [each for each in targets if not each.is_there]
    return [each for each in going if each.path in folders or coming & set(_parents([each.path]))]


def _parents(paths: Iterable[str]) -> list[str]:
    return [parent.as_posix() for path in paths for parent in Path(path).parents if parent.name]


def project_name(root: Path) -> str:
    """The name of the checkpoint folder of the workspace `root`: readable, and different for every path."""
    digest = hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
    readable = "".join(character if character.isalnum() and character.isascii() else "-" for character in root.name)
    return f"{readable[:40] or 'root'}-{digest}"
