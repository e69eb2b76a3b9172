"""What files held when they were read last, so that those that have not changed since need not be read again.

A file counts as unchanged when nothing that the system says of it has changed, and its last change lay back when it was read.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec

_STILL_WRITTEN = 2_000_000_000
"""Nanoseconds; a change this soon after another may leave the file with the same time, on the coarsest file systems."""


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """A file as it was read: what the system said of it, and the name of its bytes."""

    modified: int
    changed: int
    size: int
    inode: int
    device: int
    mode: int
    blob: str


class SeenFiles:
    """The files seen in the last snapshot, kept in the file `path`; `now` in nanoseconds since 1970."""

    def __init__(self, path: Path, now: int) -> None:
        self._path = path
        self._settled = now - _STILL_WRITTEN
        self._before = _load(path)
        self._after: dict[str, Seen] = {}

    def blob(self, name: str, facts: os.stat_result) -> str:
        """The name of the bytes of the file, empty when it has to be read."""
        seen = self._before.get(name)
        return seen.blob if seen is not None and seen == _seen(facts, seen.blob) else ""

    def note(self, name: str, facts: os.stat_result, blob: str) -> None:
        """The file was like this, unless it may have been in the middle of changing."""
        if max(facts.st_mtime_ns, facts.st_ctime_ns) < self._settled:
            self._after[name] = _seen(facts, blob)

    def keep(self) -> None:
        """Keep what was noted for the next time; a failure costs nothing but time then."""
        if self._after == self._before:
            return
        temporary = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            temporary.write_bytes(msgspec.msgpack.encode(self._after))
            temporary.replace(self._path)


def _seen(facts: os.stat_result, blob: str) -> Seen:
    return Seen(
        modified=facts.st_mtime_ns,
        changed=facts.st_ctime_ns,
        size=facts.st_size,
        inode=facts.st_ino,
        device=facts.st_dev,
        mode=facts.st_mode,
        blob=blob,
    )


def _load(path: Path) -> dict[str, Seen]:
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=dict[str, Seen])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}  # Never made, or cut off by a crash: everything is read once more.
