"""Bytes kept by their name, for checkpoints: one compressed file each, in the format of git's loose objects.

So git can add a whole workspace to the same folder (`tree_snapshot`), while saving and loading single files needs no git.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from dsterm.core.errors import DiskError
from dsterm.workspace.files.folder_lock import folder_lock
from dsterm.workspace.files.sync import sync_file_system, sync_path

_NAME = re.compile(r"[0-9a-f]{64}")
_LEVEL = 1
_FILE_MODE = 0o600
_LAYOUT = {
    "HEAD": "ref: refs/heads/none\n",
    # Its own settings, all of them: nothing of the user's or the repository's applies here.
    "config": (
        "[core]\n\trepositoryformatversion = 1\n\tbare = false\n\tfilemode = true\n\tsymlinks = true\n"
        "\tignorecase = false\n\tprecomposeunicode = false\n\tautocrlf = false\n\tcompression = 1\n"
        "\tfsync = loose-object\n\tfsyncMethod = batch\n"
        "[extensions]\n\tobjectformat = sha256\n[gc]\n\tauto = 0\n"
    ),
    # Bytes are saved as they are, whatever the workspace's .gitattributes ask for.
    "info/attributes": "* -text -eol -filter -ident -working-tree-encoding\n",
}


class SavedBytes(Protocol):
    """Keeps bytes and finds them again by the name that it gives them."""

    def put(self, data: bytes) -> str:
        """Keep `data` and return its name, the same for the same bytes; on disk when this returns. DiskError."""
        ...

    def get(self, name: str) -> bytes:
        """The bytes of that name; DiskError when they are gone or damaged."""
        ...


class BytesInMemory:
    """For sessions that leave nothing on disk."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def put(self, data: bytes) -> str:
        """Keep `data` and return its name."""
        name = _digest(data)
        self._kept[name] = zlib.compress(data, _LEVEL)
        return name

    def get(self, name: str) -> bytes:
        """The bytes of that name."""
        try:
            return zlib.decompress(self._kept[name])
        except KeyError as error:
            raise _gone() from error


class BytesInFolder:
    """A folder that is also a git folder of its own (`folder` is its GIT_DIR); made at the first save."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, data: bytes) -> str:
        """Keep `data`, synced, and return its name."""
        name = _digest(data)
        target = self._path(name)
        try:
            self.make()
            with folder_lock(self.folder):
                if not _freshen(target):
                    _write(target, _header(data) + data)
        except OSError as error:
            raise _not_saved(self.folder, error) from error
        return name

    def get(self, name: str) -> bytes:
        """The bytes of that name."""
        if not _NAME.fullmatch(name):
            raise _gone()
        try:
            whole = zlib.decompress(self._path(name).read_bytes())
        except FileNotFoundError as error:
            raise _gone() from error
        except (OSError, zlib.error) as error:
            raise DiskError(f"A saved file in {self.folder} can't be read any more, so nothing was changed.") from error
        if hashlib.sha256(whole).hexdigest() != name:
            raise DiskError(f"A saved file in {self.folder} is damaged, so nothing was changed.")
        return whole[whole.index(b"\0") + 1 :]

    def make(self) -> None:
        """Make the folder, closed to other users, when it isn't there; OSError."""
        if (self.folder / "HEAD").exists():
            return
        for part in ("objects", "refs", "info"):
            (self.folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in reversed(_LAYOUT.items()):
            (self.folder / name).write_text(text, encoding="utf-8")

    @contextmanager
    def filling(self) -> Iterator[Filling]:
        """Keep many at once: all of them are on disk, or none of the new ones is kept, when the block is left. DiskError."""
        try:
            self.make()
            with folder_lock(self.folder):
                filling = Filling(self.folder)
                try:
                    yield filling
                    filling.settle()
                finally:
                    filling.drop()
        except OSError as error:
            raise _not_saved(self.folder, error) from error

    def freshen(self, names: list[str]) -> None:
        """Let these count as saved now, so that they are pruned no earlier than what is saved now."""
        for name in names:
            _freshen(self._path(name))

    def _path(self, name: str) -> Path:
        return _place(self.folder, name)


class Filling:
    """New bytes wait under other names until they are on disk, together: syncing them one by one takes far longer."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: dict[str, Path] = {}

    def has(self, name: str) -> bool:
        """Whether the bytes of that name are kept; they count as saved now."""
        return name in self._waiting or _freshen(_place(self._folder, name))

    def put(self, data: bytes) -> str:
        """Keep `data` and return its name."""
        name = _digest(data)
        if not self.has(name):
            target = _place(self._folder, name)
            target.parent.mkdir(mode=0o700, exist_ok=True)
            self._waiting[name] = temporary = _temporary_name(target)
            with os.fdopen(_create(temporary), "wb") as stream:
                stream.write(zlib.compress(_header(data) + data, _LEVEL))
        return name

    def settle(self) -> None:
        """Have everything on disk, under its name."""
        if not self._waiting:
            return
        sync_file_system(self._folder, tuple(self._waiting.values()))
        parents = set()
        while self._waiting:
            name, temporary = self._waiting.popitem()
            target = _place(self._folder, name)
            temporary.replace(target)
            parents.add(target.parent)
        sync_file_system(self._folder, tuple(parents))

    def drop(self) -> None:
        """Remove what was not settled."""
        for temporary in self._waiting.values():
            with contextlib.suppress(OSError):
                temporary.unlink()


def _header(data: bytes) -> bytes:
    return b"blob %d\0" % len(data)


def _digest(data: bytes) -> str:
    digest = hashlib.sha256(_header(data))
    digest.update(data)
    return digest.hexdigest()


def _freshen(path: Path) -> bool:
    """Whether it is there; its age, by which it is pruned, begins anew."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _write(target: Path, whole: bytes) -> None:
    target.parent.mkdir(mode=0o700, exist_ok=True)
    temporary = _temporary_name(target)
    try:
        with os.fdopen(_create(temporary), "wb") as stream:
            stream.write(zlib.compress(whole, _LEVEL))
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
    sync_path(target.parent)


def _place(folder: Path, name: str) -> Path:
    return folder / "objects" / name[:2] / name[2:]


def _temporary_name(target: Path) -> Path:
    return target.with_name(f"tmp_obj_{os.urandom(6).hex()}")


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE)


def _not_saved(folder: Path, error: OSError) -> DiskError:
    reason = (error.strerror or type(error).__name__).lower()
    return DiskError(
        f"Can't save a file in {folder} before it changes: {reason}. Check the permissions and the free space there."
    )


def _gone() -> DiskError:
    return DiskError(
        "What the file was is not kept any more, so nothing was changed. Old checkpoints are pruned by age and size."
    )
