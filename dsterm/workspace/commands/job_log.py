"""All that a job printed, up to a cap: in a file of its own that nobody else may read, or in memory where there is no folder."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import BinaryIO

import msgspec

_FILE_CAP = 50_000_000
_MEMORY_CAP = 1_000_000


class LogStretch(msgspec.Struct, frozen=True, kw_only=True):
    """Whole lines of a log; `more` of them stand after these."""

    lines: tuple[str, ...]
    more: int


class JobLog:
    """Takes the text of a job; beyond the cap, or when the disk refuses, it stops and `trouble` says so."""

    def __init__(self, path: Path | None, cap: int | None = None) -> None:
        self.path = path
        self.trouble = ""
        self.is_full = False
        self._cap = cap or (_MEMORY_CAP if path is None else _FILE_CAP)
        self._size = 0
        self._memory = io.BytesIO()
        self._file: BinaryIO = self._memory if path is None else _create(path)

    def write(self, text: str) -> None:
        """Add `text`, which should end with whole lines."""
        if self.is_full:
            return
        data = text.encode("utf-8", "replace")
        if self._size + len(data) > self._cap:
            data = data[: data.rfind(b"\n", 0, self._cap - self._size) + 1]
            self.is_full = True
            self.trouble = f"[only the first {self._cap // 1_000_000} MB of the output are kept]"
        try:
            written = 0
            while written < len(data):
                written += self._file.write(data[written:])
        except OSError as error:
            self.is_full = True
            self.trouble = f"[the rest of the output could not be kept: {error.strerror}]"
            return
        self._size += len(data)

    def stretch(self, first: int, count: int, byte_limit: int) -> LogStretch:
        """At most `count` lines and `byte_limit` bytes from line `first` (from 1) on, at least one; blocking. OSError as open."""
        lines: list[str] = []
        size = more = 0
        with self._reader() as stream:
            for number, raw in enumerate(stream, 1):
                if number < first:
                    continue
                size += len(raw)
                if more or len(lines) >= count or (lines and size > byte_limit):
                    more += 1
                else:
                    lines.append(raw[: byte_limit + 1].decode("utf-8", "replace").removesuffix("\n"))
        return LogStretch(lines=tuple(lines), more=more)

    def close(self) -> None:
        """Nothing more is written; what is there can still be read."""
        if self._file is not self._memory:
            self._file.close()

    def discard(self) -> None:
        """Nothing ran, so nothing is kept."""
        self.close()
        if self.path:
            self.path.unlink(missing_ok=True)

    def _reader(self) -> BinaryIO:
        return io.BytesIO(self._memory.getvalue()[: self._size]) if self.path is None else self.path.open("rb")


def open_log(path: Path | None) -> JobLog:
    """A log at `path`; in memory, with its `trouble` said, where the file can't be made."""
    try:
        return JobLog(path)
    except OSError as error:
        log = JobLog(None)
        log.trouble = f"[no log on disk: {error.strerror}]"
        return log


def _create(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.parent.chmod(0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_APPEND, 0o600)
    return os.fdopen(descriptor, "wb", buffering=0)
