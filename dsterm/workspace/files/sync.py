"""What was written is on the disk itself when these return."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

_FEW = 16
"""Up to here one by one is quicker."""


def sync_path(path: Path) -> None:
    """Sync one file or folder. OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file_system(folder: Path, paths: Sequence[Path]) -> None:
    """Sync all of `paths`, which are in the file system of `folder`: at one go where they are many. OSError."""
    if len(paths) > _FEW and sys.platform == "linux" and _sync_whole(folder):
        return
    for path in paths:
        sync_path(path)


def _sync_whole(folder: Path) -> bool:
    """Whether the whole file system could be synced; it is not in Python, and not in every C library."""
    import ctypes  # noqa: PLC0415  needed for the first of many saves only

    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "syncfs"):
        return False
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if library.syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(descriptor)
    return True
