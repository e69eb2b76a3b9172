"""A lock on an open file that the system gives back when the process ends, however it ends."""

from __future__ import annotations

import errno
import os
import sys

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

# Windows locks bytes, and keeps others from reading them: this one lies far behind the end of any log.
_LOCKED_BYTE = 0x7FFF_FFFF

_TAKEN = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}
_NOT_SUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


def try_lock(descriptor: int) -> bool:
    """Take the lock of an open file if nobody has it; True when it is ours until the file is closed.

    Some network disks have no locks: there it counts as taken by us, as the alternative is not to work at all.
    """
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        if error.errno in _NOT_SUPPORTED:
            return True
        raise
    return True
