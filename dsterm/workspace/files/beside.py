"""Files beside their target for the time of a write: new contents, and what was there before under a second name."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import sys

from dsterm.workspace.files.open_folder import OpenFolder

_NEW_FILE_MODE = 0o666
"""Before the umask, as for any new file."""


def names_beside(process: int) -> re.Pattern[str]:
    """What the files are called that `process` puts beside others."""
    return re.compile(rf"\..+\.dsterm-{process}-\d+", re.DOTALL)


def open_beside(folder: OpenFolder, name: str) -> tuple[str, int]:
    """A new file beside `name`: its own name and a descriptor to write it."""
    number = 0
    while True:
        candidate = _beside(name, number)
        try:
            return candidate, folder.open(candidate, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _NEW_FILE_MODE)
        except FileExistsError:
            number += 1


def make_link_beside(folder: OpenFolder, name: str, target: str) -> str:
    """The name of a new link beside `name`."""
    number = 0
    while True:
        candidate = _beside(name, number)
        try:
            folder.make_link(candidate, target)
        except FileExistsError:
            number += 1
        else:
            return candidate


def keep(folder: OpenFolder, name: str, before: os.stat_result) -> str:
    """A second name for the file `name`; a copy where the file system has no hard links."""
    number = 0
    while True:
        candidate = _beside(name, number)
        try:
            folder.add_name(name, candidate)
        except FileExistsError:
            number += 1
        except OSError:
            if stat.S_ISLNK(before.st_mode):
                return make_link_beside(folder, name, folder.read_link(name))
            return _copy(folder, name)
        else:
            return candidate


def _copy(folder: OpenFolder, name: str) -> str:
    """A copy of the file `name` under a name that nothing has yet, the staged content least of all."""
    origin = folder.open_regular(name)
    try:
        facts = os.fstat(origin)
        candidate, descriptor = open_beside(folder, name)
        try:
            with os.fdopen(origin, "rb", closefd=False) as source, os.fdopen(descriptor, "wb") as target:
                shutil.copyfileobj(source, target)
                target.flush()
                keep_owner(descriptor, facts)
                _copy_attributes(origin, descriptor)
                os.fchmod(descriptor, stat.S_IMODE(facts.st_mode))
                os.utime(descriptor, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        except OSError:
            with contextlib.suppress(FileNotFoundError):
                folder.remove(candidate)
            raise
    finally:
        os.close(origin)
    return candidate


def _beside(name: str, number: int) -> str:
    # The name is cut so that it stays below the 255 bytes that file systems allow.
    return f".{name[:40]}.dsterm-{os.getpid()}-{number}"


def keep_owner(descriptor: int, before: os.stat_result) -> None:
    """Give the open file to the owner that it had."""
    mine = os.fstat(descriptor)
    if (mine.st_uid, mine.st_gid) != (before.st_uid, before.st_gid):
        # Only root may give files away; for anyone else the new file is simply theirs.
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, before.st_uid, before.st_gid)


def keep_attributes(folder: OpenFolder, name: str, descriptor: int) -> None:
    """Copy access lists and the like; what can't be copied is lost, as with any editor that replaces files."""
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError):
        origin = folder.open_regular(name)
        try:
            _copy_attributes(origin, descriptor)
        finally:
            os.close(origin)


def _copy_attributes(origin: int, descriptor: int) -> None:
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError):
        for name in os.listxattr(origin):
            with contextlib.suppress(OSError):
                os.setxattr(descriptor, name, os.getxattr(origin, name))
