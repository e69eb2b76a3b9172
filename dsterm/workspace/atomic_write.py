"""Several files written as one: all of them, or none and every byte as it was.

Every new content is first written in full beside its target and synced, so most failures come before anything changes;
what was there before waits under a second name until the last file is in place.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from dsterm.core.errors import WorkspaceError

_NEW_FILE_MODE = 0o666
"""Before the umask, as for any new file."""


def write_together(
    changes: Mapping[Path, bytes | None],
    display: Callable[[Path], str],
    modes: Mapping[Path, int] = MappingProxyType({}),
) -> None:
    """Write every file (None deletes it), with parents; WorkspaceError when one fails, after putting all back.

    A file keeps its permission bits, owner and extended attributes, but for the bits in `modes`.
    """
    batch = _Batch(modes)
    current = Path()
    try:
        for path, data in changes.items():
            current = path
            batch.stage(path, data)
        for path, data in changes.items():
            current = path
            batch.commit(path, delete=data is None)
    except OSError as error:
        lost = batch.undo()
        fate = f"These could not be put back: {', '.join(map(display, lost))}." if lost else "Nothing was changed."
        raise WorkspaceError(f"{display(current)} could not be written: {error.strerror or error}. {fate}") from error
    batch.finish()


class _Batch:
    """The temporary files, kept originals and made folders of one write; `modes` as `write_together` takes them."""

    def __init__(self, modes: Mapping[Path, int]) -> None:
        self._modes = modes
        self._staged: dict[Path, Path] = {}
        self._kept: dict[Path, Path | None] = {}
        self._made: list[Path] = []

    def stage(self, path: Path, data: bytes | None) -> None:
        """Write the content of `path` beside it, with the mode and owner that the file has or would get."""
        before = _facts(path)
        if before and not stat.S_ISREG(before.st_mode):
            raise IsADirectoryError(0, "it is no regular file")
        if before and not os.access(path, os.W_OK):
            raise PermissionError(0, "it is read-only")
        if data is None:
            return
        self._make_parents(path.parent)
        temporary, descriptor = _open_beside(path)
        self._staged[path] = temporary
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            if before:
                _keep_owner(descriptor, before)
                _keep_attributes(path, descriptor)
            mode = self._modes.get(path, stat.S_IMODE(before.st_mode) if before else None)
            # Last, because writing and a change of owner take special bits away.
            if mode is not None:
                os.fchmod(descriptor, mode)
            os.fsync(descriptor)

    def commit(self, path: Path, *, delete: bool) -> None:
        """Put the staged content in place, or delete; the original stays under another name."""
        self._kept[path] = _keep(path) if path.exists() else None
        if delete:
            path.unlink()
        else:
            self._staged[path].replace(path)
            del self._staged[path]

    def undo(self) -> list[Path]:
        """Put everything back; the paths that could not be."""
        lost = []
        for path, kept in reversed(self._kept.items()):
            try:
                if kept is None:
                    path.unlink(missing_ok=True)
                else:
                    kept.replace(path)
                    # Renaming a file over another name of itself does nothing, and leaves both.
                    kept.unlink(missing_ok=True)
            except OSError:
                lost.append(path)
        for temporary in self._staged.values():
            with contextlib.suppress(OSError):
                temporary.unlink()
        for folder in reversed(self._made):
            with contextlib.suppress(OSError):
                folder.rmdir()
        return lost

    def finish(self) -> None:
        """Drop the originals and sync the folders; the new contents are safe already, so a failure here changes nothing."""
        for kept in self._kept.values():
            if kept:
                with contextlib.suppress(OSError):
                    kept.unlink()
        for folder in {path.parent for path in self._kept}:
            with contextlib.suppress(OSError):
                _sync_folder(folder)

    def _make_parents(self, folder: Path) -> None:
        missing = []
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        for new in reversed(missing):
            new.mkdir()
            self._made.append(new)


def _facts(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except FileNotFoundError:
        return None


def _open_beside(path: Path) -> tuple[Path, int]:
    number = 0
    while True:
        candidate = _beside(path, number)
        try:
            return candidate, os.open(candidate, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _NEW_FILE_MODE)
        except FileExistsError:
            number += 1


def _keep(path: Path) -> Path:
    """A second name for the file at `path`; a copy where the file system has no hard links."""
    number = 0
    while True:
        candidate = _beside(path, number)
        try:
            candidate.hardlink_to(path)
        except FileExistsError:
            number += 1
        except OSError:
            return _copy(path)
        else:
            return candidate


def _copy(path: Path) -> Path:
    """A copy of the file at `path` under a name that nothing has yet, the staged content least of all."""
    candidate, descriptor = _open_beside(path)
    try:
        with path.open("rb") as source, os.fdopen(descriptor, "wb") as target:
            shutil.copyfileobj(source, target)
        shutil.copystat(path, candidate)
    except OSError:
        candidate.unlink(missing_ok=True)
        raise
    return candidate


def _beside(path: Path, number: int) -> Path:
    # The name is cut so that it stays below the 255 bytes that file systems allow.
    return path.with_name(f".{path.name[:40]}.dsterm-{os.getpid()}-{number}")


def _keep_owner(descriptor: int, before: os.stat_result) -> None:
    mine = os.fstat(descriptor)
    if (mine.st_uid, mine.st_gid) != (before.st_uid, before.st_gid):
        # Only root may give files away; for anyone else the new file is simply theirs.
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, before.st_uid, before.st_gid)


def _keep_attributes(path: Path, descriptor: int) -> None:
    """Copy access lists and the like; what can't be copied is lost, as with any editor that replaces files."""
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError):
        for name in os.listxattr(path):
            with contextlib.suppress(OSError):
                os.setxattr(descriptor, name, os.getxattr(path, name))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
