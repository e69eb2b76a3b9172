"""Files saved before they change, and put back: for undo, redo and rewind. Works with git and without, never in the user's own.

Synchronous and meant for a thread. Paths are relative to the workspace, `/` between parts, as diffs have them.
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
from dsterm.workspace.atomic_write import write_together
from dsterm.workspace.leftovers import Interrupted, WritingNote, clean_up, folders_of, writing
from dsterm.workspace.paths import display_path, resolve_inside
from dsterm.workspace.saved_bytes import BytesInFolder, BytesInMemory, SavedBytes


class Checkpoints:
    """The saved files of the workspace `root`; `folder` is this project's own, None keeps everything in memory."""

    def __init__(self, root: Path, folder: Path | None) -> None:
        self._root = root.resolve()
        self._folder = folder
        self._bytes: SavedBytes = BytesInFolder(folder / "git") if folder else BytesInMemory()

    def save(self, paths: Iterable[str]) -> tuple[SavedFile, ...]:
        """Keep each file as it is now, safely on disk when this returns.

        WorkspaceError for what is no regular file inside the workspace, DiskError when it can't be kept.
        """
        return tuple(self._save(path) for path in dict.fromkeys(paths))

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

    def missing_folders(self, paths: Iterable[str]) -> tuple[str, ...]:
        """The folders that would have to be made for `paths`, outer ones first."""
        missing: dict[str, None] = {}
        for path in paths:
            parents = [parent for parent in Path(path).parents if parent != Path()]
            missing.update(
                (parent.as_posix(), None) for parent in reversed(parents) if not (self._root / parent).exists()
            )
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
        return clean_up(self._folder / "writing", self._root) if self._folder else ()

    def restore(self, targets: Sequence[SavedFile], expected: Sequence[SavedFile]) -> None:
        """Make the files what `targets` say, all or none.

        WorkspaceError when a file is not as `expected` (both in the same order) or can't be written; DiskError.
        """
        for wanted in expected:
            if self._save(wanted.path) != wanted:
                raise WorkspaceError(f"{wanted.path} changed just now, so nothing was taken back. Try once more.")
        changed = [target for target, now in zip(targets, expected, strict=True) if target != now]
        places = {target.path: self._place(target.path) for target in changed}
        contents = {places[each.path]: self.content(each) if each.is_there else None for each in changed}
        modes = {places[each.path]: stat.S_IMODE(each.mode) for each in changed if each.is_there}
        write_together(contents, lambda path: display_path(path, self._root), modes)

    def drop_folders(self, folders: Sequence[str]) -> None:
        """Remove those of `folders` that are empty."""
        for folder in sorted(folders, key=len, reverse=True):
            with contextlib.suppress(OSError, WorkspaceError):
                self._place(folder).rmdir()

    def make_folders(self, folders: Sequence[str]) -> None:
        """Make those of `folders` that are not there; what can't be made holds nothing anyway."""
        for folder in sorted(folders, key=len):
            with contextlib.suppress(OSError, WorkspaceError):
                self._place(folder).mkdir()

    def _save(self, path: str) -> SavedFile:
        place = self._place(path)
        try:
            descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return SavedFile(path=path)
        except OSError as error:
            raise WorkspaceError(f"{path} could not be read to save it: {error.strerror}.") from error
        try:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                raise WorkspaceError(f"{path} is no regular file, so it can't be saved before it changes.")
            with os.fdopen(descriptor, "rb", closefd=False) as stream:
                data = stream.read()
        except OSError as error:
            raise WorkspaceError(f"{path} could not be read to save it: {error.strerror}.") from error
        finally:
            os.close(descriptor)
        return SavedFile(path=path, blob=self._bytes.put(data), mode=mode)

    def _place(self, path: str) -> Path:
        """Where `path` is; WorkspaceError when a link has come in between since it was saved."""
        place = self._root / path
        if resolve_inside(str(place), self._root) != place:
            raise WorkspaceError(f"{path} has become a link or lies behind one, so it is left alone.")
        return place


def project_name(root: Path) -> str:
    """The name of the checkpoint folder of the workspace `root`: readable, and different for every path."""
    digest = hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
    readable = "".join(character if character.isalnum() and character.isascii() else "-" for character in root.name)
    return f"{readable[:40] or 'root'}-{digest}"
