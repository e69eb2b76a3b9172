"""One session's file: an append-only log that survives a crash at any byte, open in one program at a time."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from dsterm import __version__
from dsterm.core.errors import DiskError, UsageError
from dsterm.core.events import DELTAS, Envelope
from dsterm.store.disk import FILE_MODE, disk_error, make_private_folder, sync_folder
from dsterm.store.lock import try_lock
from dsterm.store.log_format import (
    FORMAT,
    Header,
    envelope_line,
    header_line,
    read_envelope,
    read_envelopes,
    read_header,
)

_BLOCK = 65_536
_BINARY = getattr(os, "O_BINARY", 0)


class SessionLog:
    """An open log; make one with `create_log` or `open_log`, and close it."""

    def __init__(self, path: Path, descriptor: int, header: Header) -> None:
        self.path = path
        self.header = header
        self._descriptor: int | None = descriptor
        self._has_failed = False

    @property
    def id(self) -> str:
        """The session's id."""
        return self.header.id

    @property
    def folder(self) -> Path:
        """The folder that the session was begun in."""
        return Path(self.header.folder)

    def append(self, envelope: Envelope, *, durable: bool = True) -> None:
        """Write one event; `durable` waits until the disk has it, else the system has it and a crash of dsterm loses nothing.

        DiskError when it can't be written; the log then takes nothing more, so that there never is a gap in it.
        ValueError for a delta, which is for screens only.
        """
        if isinstance(envelope.event, DELTAS):
            raise ValueError("a delta is never stored")
        if self._descriptor is None or self._has_failed:
            raise DiskError(f"The session log {self.path} is closed, so this is not saved.")
        try:
            size = os.fstat(self._descriptor).st_size
            try:
                write_all(self._descriptor, envelope_line(envelope))
            except OSError:
                os.ftruncate(self._descriptor, size)
                raise
            if durable:
                os.fsync(self._descriptor)
        except OSError as error:
            self._has_failed = True
            raise disk_error("write the session log", self.path, error) from error

    def envelopes(self) -> list[Envelope]:
        """Everything in the log, in order; a damaged line is a Notice in its place. DiskError when the file can't be read."""
        return read_log(self.path)[1]

    def close(self) -> None:
        """Give back the file and its lock; a second time does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def create_log(path: Path, folder: Path, at: datetime) -> SessionLog:
    """A new log for a session begun in `folder`; DiskError when it can't be made, or when there is one already."""
    make_private_folder(path.parent)
    header = Header(format=FORMAT, id=path.stem, folder=str(folder), created=at, dsterm=__version__)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | _BINARY, FILE_MODE)
        try:
            _lock(descriptor, path)
            write_all(descriptor, header_line(header))
            os.fsync(descriptor)
            sync_folder(path.parent)
        except BaseException:
            os.close(descriptor)
            raise
    except OSError as error:
        raise disk_error("create the session log", path, error) from error
    return SessionLog(path, descriptor, header)


def open_log(path: Path) -> SessionLog:
    """The log at `path`, to read and to append to; a line that a crash tore off at the end is repaired first.

    UsageError when another program has it open, DiskError when it can't be opened or a newer dsterm wrote it.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | _BINARY)
        try:
            _lock(descriptor, path)
            _repair_end(descriptor)
            header = _header_of(descriptor, path)
        except BaseException:
            os.close(descriptor)
            raise
    except OSError as error:
        raise disk_error("open the session log", path, error) from error
    return SessionLog(path, descriptor, header)


def read_log(path: Path) -> tuple[Header, list[Envelope]]:
    """Header and events of a log that may be open elsewhere: nothing is locked or repaired, a torn end is left out."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise disk_error("read the session log", path, error) from error
    lines = data.split(b"\n")
    end = lines.pop()
    if end and read_envelope(end) is not None:
        lines.append(end)
    header = read_header(lines[0]) if lines else None
    if header is not None:
        _check_format(header, path)
    known = header or substitute_header(path)
    # A first line that is no header may still be an event: then the header line is what got lost.
    is_headless = header is None and bool(lines) and read_envelope(lines[0]) is not None
    return known, list(read_envelopes(lines if is_headless else lines[1:], known.created))


def substitute_header(path: Path) -> Header:
    """What is known of a log without its header: the id from its name, the time from its file."""
    try:
        created = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as error:
        raise disk_error("read the session log", path, error) from error
    return Header(format=FORMAT, id=path.stem, folder="", created=created, dsterm="")


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte; OSError when that fails."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _lock(descriptor: int, path: Path) -> None:
    if not try_lock(descriptor):
        raise UsageError(f"Session {path.stem} is open in another dsterm; go on there, or close it first.")


def _repair_end(descriptor: int) -> None:
    """Make the file end with a whole line: finish the last one if only its line end is missing, else cut it off."""
    size = os.lseek(descriptor, 0, os.SEEK_END)
    blocks: list[bytes] = []
    start = size
    while start > 0 and not (blocks and b"\n" in blocks[-1]):
        step = min(_BLOCK, start)
        start -= step
        os.lseek(descriptor, start, os.SEEK_SET)
        blocks.append(_read_exactly(descriptor, step))
    end = b"".join(reversed(blocks))
    torn = end[end.rfind(b"\n") + 1 :]
    if not torn:
        return
    if read_envelope(torn) is not None or read_header(torn) is not None:
        write_all(descriptor, b"\n")
    else:
        os.ftruncate(descriptor, size - len(torn))
    os.fsync(descriptor)


def _read_exactly(descriptor: int, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = os.read(descriptor, size - len(parts))
        if not part:
            break
        parts += part
    return bytes(parts)


def _header_of(descriptor: int, path: Path) -> Header:
    """The header of an open log; a file whose header was torn off before anything else was written gets a new one."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    start = _read_exactly(descriptor, _BLOCK)
    header = read_header(start.partition(b"\n")[0])
    if header is None:
        header = substitute_header(path)
        if not start:
            write_all(descriptor, header_line(header))
            os.fsync(descriptor)
    _check_format(header, path)
    return header


def _check_format(header: Header, path: Path) -> None:
    if header.format > FORMAT:
        raise DiskError(
            f"The session log {path} was written by a newer dsterm ({header.dsterm}); update dsterm to open it."
        )
