"""Careful writes to dsterm's own folders: private, atomic, and every failure one sentence."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from dsterm.core.errors import DiskError

_FOLDER_MODE = 0o700
FILE_MODE = 0o600
_HOUR = 3_600.0


def disk_error(action: str, path: Path, error: OSError) -> DiskError:
    """The sentence for a failed `action` (`write the session log`) on `path`."""
    reason = (error.strerror or type(error).__name__).lower()
    advice = "Check its permissions and the free space, or set DSTERM_HOME to a folder that you can write to."
    return DiskError(f"Can't {action} {path}: {reason}. {advice}")


def make_private_folder(folder: Path) -> None:
    """Create `folder` and what is missing above it, closed to other users; DiskError when that fails."""
    try:
        missing = [place for place in (folder, *folder.parents) if not place.exists()]
        # One by one: what `parents` makes on the way would be open to others.
        for place in reversed(missing or [folder]):
            place.mkdir(mode=_FOLDER_MODE, exist_ok=True)
    except OSError as error:
        raise disk_error("create the folder", folder, error) from error


def write_private(path: Path, data: bytes) -> None:
    """Replace `path` by `data` at once, readable by the user alone; DiskError when that fails, and then the old file stays."""
    make_private_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")
    try:
        # O_EXCL refuses whatever is there already, also a link that someone put there.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), FILE_MODE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise disk_error("write", path, error) from error


def remove_half_written(folder: Path, now: float) -> int:
    """Remove from `folder` what `write_private` left there when it was killed more than an hour before `now` (seconds since
    1970), since a younger one may still go on; how many went. What can't be removed stays for another time.
    """
    removed = 0
    with suppress(OSError):
        for path in folder.glob(".*.tmp"):
            with suppress(OSError):
                if path.stat().st_mtime < now - _HOUR:
                    path.unlink()
                    removed += 1
    return removed


def sync_folder(folder: Path) -> None:
    """Make new and renamed entries of `folder` survive a power cut; Windows has no such call and needs none."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
