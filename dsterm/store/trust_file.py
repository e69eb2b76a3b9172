"""The file of what the user granted, as it stands on disk: read carefully, written at once, what is not understood is kept."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from dsterm.core.errors import DiskError, SettingsError
from dsterm.store.disk import FILE_MODE, disk_error, make_private_folder, write_private
from dsterm.store.lock import try_lock

_VERSION = 1
_MOST_BYTES = 8_000_000
_PATIENCE = 5.0
_WAIT = 0.02

Fields = dict[str, msgspec.Raw]


class GrantDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Everything granted: `folders` by real path, each with its own fields; `rest` are fields of a later version."""

    folders: dict[str, Fields]
    rest: Fields


class _Head(msgspec.Struct):
    version: int
    folders: dict[str, Fields]


EMPTY = GrantDocument(folders={}, rest={})


class TrustFile:
    """The document at `path`; it need not exist."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[tuple[int, int, int], GrantDocument] | None = None

    def read(self) -> GrantDocument:
        """What stands there now. SettingsError when it can't be understood or others may write to it; DiskError."""
        try:
            facts = self._path.stat()
            if sys.platform != "win32" and facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise SettingsError(
                    f"Other users may write to {self._path}, which says what you allowed. Look through it, then run: "
                    f"chmod 600 '{self._path}'"
                )
            # A writer always puts a new file in place, so the same one has the same contents.
            seen = facts.st_ino, facts.st_mtime_ns, facts.st_size
            if self._seen is None or self._seen[0] != seen:
                self._seen = seen, self._decoded(self._bytes(facts))
        except FileNotFoundError:
            return EMPTY
        except OSError as error:
            raise disk_error("read", self._path, error) from error
        return self._seen[1]

    @contextmanager
    def editing(self) -> Iterator[None]:
        """Keep every other dsterm from writing it meanwhile; DiskError when one does not get done."""
        make_private_folder(self._path.parent)
        lock = self._path.with_name(f"{self._path.name}.lock")
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, FILE_MODE)
        except OSError as error:
            raise disk_error("lock", lock, error) from error
        try:
            self._wait_for(descriptor)
            self._seen = None  # What is changed now must be what stands there, beyond any doubt.
            yield
        finally:
            os.close(descriptor)

    def write(self, document: GrantDocument) -> None:
        """Replace it by `document`; DiskError when that fails, and then it stays as it was."""
        written = {**document.rest, "version": _VERSION, "folders": document.folders}
        data = msgspec.json.encode(written)
        if len(data) > _MOST_BYTES:
            raise DiskError(f"{self._path} would grow too large; remove rules that you don't need (/permissions).")
        write_private(self._path, msgspec.json.format(data, indent=1) + b"\n")

    def _wait_for(self, descriptor: int) -> None:
        deadline = time.monotonic() + _PATIENCE
        try:
            while not try_lock(descriptor):
                if time.monotonic() > deadline:
                    raise DiskError(f"Another dsterm is writing {self._path} and does not finish; try again.")
                time.sleep(_WAIT)
        except OSError as error:
            raise disk_error("lock", self._path, error) from error

    def _bytes(self, facts: os.stat_result) -> bytes:
        if not stat.S_ISREG(facts.st_mode):
            # A pipe would be waited for, a device read without end.
            raise self.foreign("it is not a file")
        if facts.st_size > _MOST_BYTES:
            raise self.foreign("it is far too large")
        return self._path.read_bytes()

    def _decoded(self, data: bytes) -> GrantDocument:
        try:
            head = msgspec.json.decode(data, type=_Head)
            fields = msgspec.json.decode(data, type=Fields)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self.foreign("dsterm can't read it") from error
        if head.version != _VERSION:
            raise self.foreign(f"it is of version {head.version}, which this dsterm does not know")
        rest = {name: value for name, value in fields.items() if name not in {"version", "folders"}}
        return GrantDocument(folders=head.folders, rest=rest)

    def foreign(self, trouble: str) -> SettingsError:
        """The sentence for a file that is something else than it should be."""
        return SettingsError(
            f"{self._path} should say which folders you trust, but {trouble}. Nothing was changed; move it away to begin anew."
        )
