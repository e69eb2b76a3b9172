"""A lock on a folder of dsterm's own, held among its processes and given back by the system when one dies."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NOT_SUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
"""Some network disks have no locks: there nobody waits, as the alternative is not to work at all."""


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of `folder`, waiting for whoever has it; OSError when the folder can't take one."""
    descriptor = os.open(folder / "dsterm.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in _NOT_SUPPORTED:
                raise
        yield
    finally:
        os.close(descriptor)


def is_held(descriptor: int) -> bool:
    """Whether somebody else holds the lock of this open file; else it is ours until the file is closed."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NOT_SUPPORTED:
            return False
        if error.errno in {errno.EACCES, errno.EAGAIN}:
            return True
        raise
    return False
