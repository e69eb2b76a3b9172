"""The roots of the workspace, and the way to what lies in them that no link can bend.

A path that was judged can lead elsewhere a moment later, when somebody swaps a folder for a link. So files are reached from their
root on, folder by folder, each opened in the one before without following links. A hard link to a file outside can't be told from
a file inside: whoever could make one could read that file anyway.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Sequence
from pathlib import Path

from dsterm.core.errors import WorkspaceError
from dsterm.workspace.files.open_folder import OpenFolder
from dsterm.workspace.files.paths import check_open, display_path, is_below, resolve_inside
from dsterm.workspace.git.git_head import find_git_folder


class Inside:
    """`root`, where relative paths start, the `extra_roots`, and the `closed` folders, dsterm's own, that nobody gets into.

    WorkspaceError when a root is no folder, or is one of the closed ones.
    """

    def __init__(self, root: Path, *, extra_roots: Sequence[Path] = (), closed: Sequence[Path] = ()) -> None:
        self.root = root.resolve()
        self.roots = tuple(dict.fromkeys((self.root, *(extra.resolve() for extra in extra_roots))))
        # Both as written and with links followed, since either may be asked for.
        self._closed = tuple(dict.fromkeys(path for one in closed for path in (one, Path(os.path.realpath(one)))))
        for one in self.roots:
            if not one.is_dir():
                raise WorkspaceError(f"{one} is not a folder. Name one that is there.")
            if is_below(one, (*self._closed, Path("/proc"), Path("/sys"))):
                raise WorkspaceError(f"{one} belongs to dsterm or the system itself. Choose another folder.")
        self._closed_inside = tuple(one for one in self._closed if self._may_contain(one))
        self._git_folders = tuple(folder for one in self.roots if (folder := self._named_git_folder(one)))

    def resolve(self, path: str) -> Path:
        """The real place of `path` (links followed) in one of the roots; it need not exist. WorkspaceError."""
        real = resolve_inside(path, self.root, extra_roots=self.roots[1:], closed=self._closed)
        self._require_no_git(path, real)
        return real

    def exact(self, path: str) -> Path:
        """Where `path` is, taken word by word: what stands there may be a link, but nothing before it. WorkspaceError."""
        place = self.root / path
        if "\0" in path or Path(os.path.normpath(place)) != place or not is_below(place, self.roots):
            raise WorkspaceError(f"{display_path(place, self.root)} is outside the workspace, so it is left alone.")
        check_open(display_path(place, self.root), place, self.roots, self._closed)
        self._require_no_git(display_path(place, self.root), place)
        return place

    def display(self, path: Path) -> str:
        """`path` relative to the root where it is inside it, else in full."""
        return display_path(path, self.root)

    def root_of(self, path: Path) -> Path:
        """The outermost root that contains `path`; WorkspaceError when none does."""
        containing = [root for root in self.roots if path.is_relative_to(root)]
        if not containing:
            raise WorkspaceError(f"{self.display(path)} is outside the workspace. Use a path inside it.")
        return min(containing, key=lambda root: len(root.parts))

    def is_closed(self, path: Path) -> bool:
        """Whether `path`, which lies in a root, belongs to dsterm itself."""
        return bool(self._closed_inside) and is_below(path, self._closed_inside)

    def open_folder(self, path: Path) -> OpenFolder:
        """The folder at `path` (as `resolve` or `exact` gave it), for whoever closes it.

        OSError: FileNotFoundError, NotADirectoryError, ELOOP for a link on the way, EACCES for a closed folder.
        """
        root = self.root_of(path)
        shut = self._shut()
        folder = OpenFolder.at(root)
        try:
            for part in path.relative_to(root).parts:
                if part == os.pardir:
                    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
                entered = folder.enter(part)
                folder.close()
                folder = entered
                if shut and folder.identity in shut:
                    raise PermissionError(errno.EACCES, "it is closed to tools")
        except BaseException:
            folder.close()
            raise
        return folder

    def stat(self, path: Path) -> os.stat_result:
        """What stands at `path`, a link as a link. OSError."""
        if path in self.roots and self.root_of(path) == path:
            with self.open_folder(path) as folder:
                return folder.own_stat()
        with self.open_folder(path.parent) as folder:
            return folder.stat(path.name)

    def open_regular(self, path: Path) -> int:
        """A descriptor to read the regular file at `path`. OSError when it is anything else, or behind a link."""
        if path in self.roots:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with self.open_folder(path.parent) as folder:
            return folder.open_regular(path.name)

    def _shut(self) -> set[tuple[int, int]]:
        """The closed folders by what they are, so that no other spelling of their names leads in."""
        found = set()
        for closed in (*self._closed_inside, *self._git_folders):
            with contextlib.suppress(OSError):  # What is not there can't be entered.
                facts = closed.stat()
                found.add((facts.st_dev, facts.st_ino))
        return found

    def _require_no_git(self, name: str, place: Path) -> None:
        if is_below(place, self._git_folders):
            raise WorkspaceError(f"{name} belongs to git itself, which is closed to tools. Use other files.")

    def _named_git_folder(self, root: Path) -> Path | None:
        """The git folder of `root` where it lies in a root, whatever it is called: a `.git` file or link can name any."""
        named = find_git_folder(root)
        folder = Path(os.path.realpath(named)) if named else None
        if folder is None or not is_below(folder, self.roots) or any(one.is_relative_to(folder) for one in self.roots):
            return None
        return folder if (folder / "HEAD").exists() and (folder / "objects").is_dir() else None

    def _may_contain(self, closed: Path) -> bool:
        folded = str(closed).casefold()
        return any(folded.startswith(str(root).casefold().rstrip(os.sep) + os.sep) for root in self.roots)
