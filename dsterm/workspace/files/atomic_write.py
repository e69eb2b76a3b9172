"""Several files written as one: all of them, or none and every byte as it was.

Every new content is first written in full beside its target and synced, so most failures come before anything changes;
what was there before waits under a second name until the last file is in place. Each step happens in the folder that was
opened for it, so a folder swapped for a link in between changes nothing elsewhere.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec

from dsterm.core.errors import WorkspaceError
from dsterm.workspace.files.beside import keep, keep_attributes, keep_owner, make_link_beside, open_beside
from dsterm.workspace.files.inside import Inside
from dsterm.workspace.files.open_folder import OpenFolder

_MOST_OPEN = 64


class Link(msgspec.Struct, frozen=True):
    """A symbolic link to write in place of a file, and what it says."""

    target: str


Content = bytes | Link | None
"""What shall stand at a path; None for nothing."""


def write_together(
    inside: Inside,
    changes: Mapping[Path, Content],
    modes: Mapping[Path, int] = MappingProxyType({}),
    *,
    replaces_links: bool = False,
) -> None:
    """Write every file (None deletes it), with parents; WorkspaceError when one fails, after putting all back.

    A file keeps its permission bits, owner and extended attributes, but for the bits in `modes`. A link is never followed, and
    gives way to what is written only with `replaces_links`.
    """
    batch = _Batch(inside, modes, replaces_links=replaces_links)
    current = Path()
    try:
        for path, data in changes.items():
            current = path
            batch.stage(path, data)
        for path, data in changes.items():
            current = path
            batch.commit(path, delete=data is None)
    except (OSError, WorkspaceError) as error:
        lost = batch.undo()
        fate = (
            f"These could not be put back: {', '.join(map(inside.display, lost))}." if lost else "Nothing was changed."
        )
        reason = str(error) if isinstance(error, WorkspaceError) else error.strerror or str(error)
        raise WorkspaceError(f"{inside.display(current)} could not be written: {reason}. {fate}") from error
    else:
        batch.finish()
    finally:
        batch.close()


class _Folders:
    """The folders of one write, open; beyond a number the oldest are closed, and opened again they must be the same ones."""

    def __init__(self, inside: Inside) -> None:
        self._inside = inside
        self._open: OrderedDict[Path, OpenFolder] = OrderedDict()
        self._identities: dict[Path, tuple[int, int]] = {}

    def at(self, path: Path) -> OpenFolder:
        if path in self._open:
            self._open.move_to_end(path)
            return self._open[path]
        folder = self._inside.open_folder(path)
        if self._identities.setdefault(path, folder.identity) != folder.identity:
            folder.close()
            raise OSError(errno.ESTALE, "another folder has taken the place of its own")
        self._open[path] = folder
        if len(self._open) > _MOST_OPEN:
            self._open.popitem(last=False)[1].close()
        return folder

    def forget(self, path: Path) -> None:
        """Let go of a folder that is about to be removed."""
        if folder := self._open.pop(path, None):
            folder.close()
        self._identities.pop(path, None)

    def close(self) -> None:
        while self._open:
            self._open.popitem()[1].close()


class _Batch:
    """The temporary files, kept originals and made folders of one write; `modes` as `write_together` takes them."""

    def __init__(self, inside: Inside, modes: Mapping[Path, int], *, replaces_links: bool) -> None:
        self._modes = modes
        self._replaces_links = replaces_links
        self._folders = _Folders(inside)
        self._staged: dict[Path, str] = {}
        self._kept: dict[Path, str | None] = {}
        self._made: list[Path] = []

    def stage(self, path: Path, data: Content) -> None:
        """Write the content of `path` beside it, with the mode and owner that the file has or would get."""
        folder = self._parent(path, make=data is not None)
        if folder is None:
            return
        before = folder.find(path.name)
        if before:
            self._require_replaceable(before)
        if before and stat.S_ISREG(before.st_mode):
            if not folder.is_writable(path.name):
                raise PermissionError(errno.EACCES, "it is read-only")
        else:
            before = None
        if isinstance(data, Link):
            self._staged[path] = make_link_beside(folder, path.name, data.target)
        elif data is not None:
            self._stage_bytes(folder, path, data, before)

    def commit(self, path: Path, *, delete: bool) -> None:
        """Put the staged content in place, or delete; the original stays under another name."""
        folder = self._parent(path, make=False)
        if folder is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        before = folder.find(path.name)
        if before:
            self._require_replaceable(before)
        self._kept[path] = keep(folder, path.name, before) if before else None
        if delete:
            folder.remove(path.name)
        else:
            folder.replace(self._staged[path], path.name)
            del self._staged[path]

    def undo(self) -> list[Path]:
        """Put everything back; the paths that could not be."""
        lost = []
        for path, kept in reversed(self._kept.items()):
            try:
                folder = self._folders.at(path.parent)
                if kept is None:
                    with contextlib.suppress(FileNotFoundError):
                        folder.remove(path.name)
                else:
                    folder.replace(kept, path.name)
                    # Renaming a file over another name of itself does nothing, and leaves both.
                    with contextlib.suppress(FileNotFoundError):
                        folder.remove(kept)
            except OSError:
                lost.append(path)
        for path, temporary in self._staged.items():
            with contextlib.suppress(OSError):
                self._folders.at(path.parent).remove(temporary)
        for made in reversed(self._made):
            with contextlib.suppress(OSError):
                self._folders.forget(made)
                self._folders.at(made.parent).remove_folder(made.name)
        return lost

    def finish(self) -> None:
        """Drop the originals and sync the folders; the new contents are safe already, so a failure here changes nothing."""
        for path, kept in self._kept.items():
            if kept:
                with contextlib.suppress(OSError):
                    self._folders.at(path.parent).remove(kept)
        for parent in {path.parent for path in self._kept}:
            with contextlib.suppress(OSError):
                self._folders.at(parent).sync()

    def close(self) -> None:
        """Give the folders back."""
        self._folders.close()

    def _stage_bytes(self, folder: OpenFolder, path: Path, data: bytes, before: os.stat_result | None) -> None:
        temporary, descriptor = open_beside(folder, path.name)
        self._staged[path] = temporary
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            if before:
                keep_owner(descriptor, before)
                keep_attributes(folder, path.name, descriptor)
            mode = self._modes.get(path, stat.S_IMODE(before.st_mode) if before else None)
            # Last, because writing and a change of owner take special bits away.
            if mode is not None:
                os.fchmod(descriptor, mode)
            os.fsync(descriptor)

    def _parent(self, path: Path, *, make: bool) -> OpenFolder | None:
        """The folder that holds `path`, made with its parents where asked for; None where it isn't there."""
        try:
            return self._folders.at(path.parent)
        except FileNotFoundError:
            if not make:
                return None
        above = self._parent(path.parent, make=True)
        if above is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        above.make_folder(path.parent.name)
        self._made.append(path.parent)
        return self._folders.at(path.parent)

    def _require_replaceable(self, before: os.stat_result) -> None:
        if stat.S_ISLNK(before.st_mode):
            if not self._replaces_links:
                raise OSError(errno.ELOOP, "it has become a link")
        elif not stat.S_ISREG(before.st_mode):
            raise IsADirectoryError(errno.EISDIR, "it is no regular file")
