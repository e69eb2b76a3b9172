"""Old logs of commands go: by age, then by size, the oldest first."""

from __future__ import annotations

import contextlib
from pathlib import Path

_DAY = 86_400.0


def prune_logs(folder: Path, now: float, *, days: float = 30.0, cap: int = 1_000_000_000) -> int:
    """Remove the files below `folder` older than `days`, then the oldest until at most `cap` bytes are left; how many went.

    `now` in seconds since 1970. What can't be removed stays for another time.
    """
    kept = []
    with contextlib.suppress(OSError):
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                facts = path.stat()
                kept.append((facts.st_mtime, facts.st_size, path))
    total = sum(size for _, size, _ in kept)
    removed = 0
    for written, size, path in sorted(kept):
        if written > now - days * _DAY and total <= cap:
            break
        with contextlib.suppress(OSError):
            path.unlink()
            total -= size
            removed += 1
    return removed
