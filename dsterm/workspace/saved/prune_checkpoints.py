"""Old saved files go: by age, then by size, the oldest first. Saving something again makes it young."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from dsterm.workspace.files.folder_lock import folder_lock

KEPT_DAYS = 30.0
KEPT_BYTES = 1_000_000_000
_DAY = 86_400.0


class _Kept(msgspec.Struct, frozen=True, order=True):
    """One saved file; `saved_at` in seconds since 1970."""

    saved_at: float
    size: int
    path: str


def prune_checkpoints(folder: Path, now: float, *, days: float = KEPT_DAYS, cap: int = KEPT_BYTES) -> int:
    """Remove what is older than `days`, then the oldest until each project keeps at most `cap` bytes; how many files went.

    `folder` holds the projects; each is looked at once a day at most. What can't be removed stays for another time.
    """
    with contextlib.suppress(OSError):
        return sum(_prune(project, now, days, cap) for project in sorted(folder.iterdir()))
    return 0


def _prune(project: Path, now: float, days: float, cap: int) -> int:
    git, stamp = project / "git", project / "pruned"
    removed = 0
    with contextlib.suppress(OSError):
        if not (git / "objects").is_dir() or (stamp.exists() and now - stamp.stat().st_mtime < _DAY):
            return 0
        with folder_lock(git):
            stamp.touch()
            os.utime(stamp, (now, now))
            kept = sorted(_kept(git / "objects"))
            total = sum(each.size for each in kept)
            for each in kept:
                if each.saved_at > now - days * _DAY and total <= cap:
                    break
                Path(each.path).unlink(missing_ok=True)
                total -= each.size
                removed += 1
            if removed:
                # git trusts its index to know what is saved; without it everything is looked at anew.
                (git / "index").unlink(missing_ok=True)
    return removed


def _kept(objects: Path) -> Iterator[_Kept]:
    """The saved files, and pieces that a killed write left."""
    with os.scandir(objects) as folders:
        names = [entry.path for entry in folders if len(entry.name) == 2 and entry.is_dir(follow_symlinks=False)]
    for name in names:
        with os.scandir(name) as entries:
            for entry in entries:
                facts = entry.stat(follow_symlinks=False)
                yield _Kept(facts.st_mtime, facts.st_size, entry.path)
