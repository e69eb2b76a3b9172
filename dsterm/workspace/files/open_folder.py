"""A folder held by its descriptor: it stays the same one whatever becomes of its path, and names in it follow no link.

Where the platform can't take a name in an open folder (Windows) the path is used.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from types import TracebackType

HAS_DESCRIPTORS = (
    {os.open, os.stat, os.unlink, os.rename, os.link, os.mkdir, os.rmdir, os.symlink, os.readlink, os.access}
    <= os.supports_dir_fd
) and hasattr(os, "O_NOFOLLOW")
_NO_FOLLOW: int = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
# A folder that may be passed through but not listed can't be opened for reading.
_FOLDER: int = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0) | _NO_FOLLOW
_LINK = "a folder on the way has become a link"


class OpenFolder:
    """The folder that stood at `path` when it was opened. Names are single parts of a path; all methods raise OSError."""

    def __init__(self, path: Path, descriptor: int | None) -> None:
        self.path = path
        self.descriptor = descriptor

    @classmethod
    def at(cls, path: Path) -> OpenFolder:
        """The folder at `path`, whose parents are trusted to be no links; itself it may be none."""
        return cls(path, os.open(path, _FOLDER) if HAS_DESCRIPTORS else None)

    def __enter__(self) -> OpenFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the descriptor back."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None

    def enter(self, name: str) -> OpenFolder:
        """The folder `name` in this one, opened; OSError (ELOOP) when it is a link."""
        if self.descriptor is None:
            return self._enter_by_path(name)
        try:
            return OpenFolder(self.path / name, os.open(name, _FOLDER, dir_fd=self.descriptor))
        except OSError as error:
            if error.errno not in {errno.ENOTDIR, errno.ELOOP} or stat.S_ISREG(self.stat(name).st_mode):
                raise
            raise OSError(errno.ELOOP, _LINK) from error

    @property
    def identity(self) -> tuple[int, int]:
        """What tells this folder from every other one."""
        facts = self.own_stat()
        return facts.st_dev, facts.st_ino

    def own_stat(self) -> os.stat_result:
        """What the folder itself is."""
        return self.path.lstat() if self.descriptor is None else os.fstat(self.descriptor)

    def stat(self, name: str) -> os.stat_result:
        """What stands at `name`, a link as a link."""
        return os.stat(self._at(name), dir_fd=self.descriptor, follow_symlinks=False)

    def find(self, name: str) -> os.stat_result | None:
        """The same, None where there is nothing."""
        try:
            return self.stat(name)
        except FileNotFoundError:
            return None

    def open(self, name: str, flags: int, mode: int = 0o600) -> int:
        """A descriptor of the file `name`, which is no link."""
        return os.open(self._at(name), flags | _NO_FOLLOW, mode, dir_fd=self.descriptor)

    def open_regular(self, name: str) -> int:
        """A descriptor to read the regular file `name`; nothing else is even opened, for that alone can have effects."""
        _require_regular(self.stat(name))
        descriptor = self.open(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            _require_regular(os.fstat(descriptor))
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def is_writable(self, name: str) -> bool:
        """Whether the user may write the file `name`."""
        return os.access(self._at(name), os.W_OK, dir_fd=self.descriptor)

    def read_link(self, name: str) -> str:
        """What the link `name` says."""
        return os.readlink(self._at(name), dir_fd=self.descriptor)

    def make_link(self, name: str, target: str) -> None:
        """A new link `name`."""
        os.symlink(target, self._at(name), dir_fd=self.descriptor)

    def add_name(self, name: str, new_name: str) -> None:
        """A second name for the file or link `name`."""
        there = self.descriptor
        os.link(self._at(name), self._at(new_name), src_dir_fd=there, dst_dir_fd=there, follow_symlinks=False)

    def replace(self, name: str, new_name: str) -> None:
        """Rename, over what stands there."""
        there = self.descriptor
        os.replace(self._at(name), self._at(new_name), src_dir_fd=there, dst_dir_fd=there)

    def remove(self, name: str) -> None:
        """Delete the file or link `name`."""
        os.unlink(self._at(name), dir_fd=self.descriptor)

    def make_folder(self, name: str) -> None:
        """A new folder `name`."""
        os.mkdir(self._at(name), dir_fd=self.descriptor)

    def remove_folder(self, name: str) -> None:
        """Remove the empty folder `name`."""
        os.rmdir(self._at(name), dir_fd=self.descriptor)

    def names(self) -> list[str]:
        """What is in it, sorted."""
        if self.descriptor is None:
            return sorted(path.name for path in self.path.iterdir())
        descriptor = self._readable()
        try:
            return sorted(os.listdir(descriptor))  # noqa: PTH208  there is no path to it
        finally:
            os.close(descriptor)

    def sync(self) -> None:
        """Have the names in it on disk when this returns."""
        descriptor = self._readable()
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _readable(self) -> int:
        return os.open(self._at("."), os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _NO_FOLLOW, dir_fd=self.descriptor)

    def _at(self, name: str) -> str:
        return name if self.descriptor is not None else os.path.join(self.path, name)  # noqa: PTH118  `.` has to stay

    def _enter_by_path(self, name: str) -> OpenFolder:
        path = self.path / name
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            raise OSError(errno.ELOOP, _LINK)
        if not stat.S_ISDIR(mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return OpenFolder(path, None)


def _require_regular(facts: os.stat_result) -> None:
    if stat.S_ISDIR(facts.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if stat.S_ISLNK(facts.st_mode):
        raise OSError(errno.ELOOP, "it has become a link")
    if not stat.S_ISREG(facts.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file")
