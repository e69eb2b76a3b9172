"""The files of a folder that git is not asked about: walked from the top, no link followed, `.gitignore` files honoured."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from dsterm.core.errors import UsageError
from dsterm.core.left_out_reasons import NO_FILE, OWN, SYMLINK, UNREADABLE
from dsterm.workspace.files.inside import Inside
from dsterm.workspace.files.open_folder import OpenFolder
from dsterm.workspace.files.paths import SYSTEM_FOLDERS, is_git_name
from dsterm.workspace.sources.ignore_rules import GIT_IGNORE, LARGEST, RuleBook, ignore_rules
from dsterm.workspace.sources.listed import Listed, in_order
from dsterm.workspace.sources.reasons import INSTALLED, OTHER_REPOSITORY

_INSTALLED = frozenset(
    {"node_modules", "bower_components", "site-packages", "__pycache__", "venv", ".venv", ".tox", ".nox"}
)
"""Folders that programs fill; named, and entered when they are asked for."""
_MOST_FILES = 300_000
_STEP = 1_000
"""Files between two words about how far it is."""


async def list_plain_folder(
    folder: Path, *, closed: Sequence[Path] = (), enters: Sequence[str] = (), tell: Callable[[int], None]
) -> Listed:
    """Every file below `folder` that its `.gitignore` files don't exclude; `tell` gets their number now and then.

    UsageError when there are too many.
    """
    walk = _Walk(folder, closed, enters)
    steps = walk.steps()
    while (count := await asyncio.to_thread(next, steps, None)) is not None:
        tell(count)
    return Listed(blobs=in_order(dict.fromkeys(walk.sizes, "")), sizes=walk.sizes, named=walk.named)


class _Walk:
    """One walk: `sizes` and `named` fill up while `steps` is iterated."""

    def __init__(self, top: Path, closed: Sequence[Path], enters: Sequence[str]) -> None:
        self.sizes: dict[str, int] = {}
        self.named: dict[str, str] = {}
        self._top = top
        self._inside = Inside(top, closed=closed)
        self._enters = {one.strip("/") for one in enters}
        self._ignored = RuleBook()

    def steps(self) -> Iterator[int]:
        """Walk on, giving the number of files from time to time."""
        waiting = [""]
        told = 0
        while waiting:
            at = waiting.pop()
            try:
                folder = self._inside.open_folder(self._top / at)
            except OSError as error:
                self.named[at] = OWN if isinstance(error, PermissionError) else f"{UNREADABLE}: {error.strerror}"
                continue
            with folder:
                waiting += self._take(folder, at)
            if len(self.sizes) > _MOST_FILES:
                raise UsageError(f"There are more than {_MOST_FILES:,} files. Attach a folder further down.")
            if len(self.sizes) - told >= _STEP:
                told = len(self.sizes)
                yield told

    def _take(self, folder: OpenFolder, at: str) -> list[str]:
        """Take in the files of one folder; the folders in it to go on with."""
        try:
            names = folder.names()
        except OSError as error:
            self.named[at] = f"{UNREADABLE}: {error.strerror}"
            return []
        if GIT_IGNORE in names and (content := read_small(folder, GIT_IGNORE)) is not None:
            self._ignored.add(ignore_rules(at + GIT_IGNORE, content))
        below = []
        for name in names:
            try:
                mode = folder.stat(name)
            except OSError:
                continue  # Gone in the meantime.
            if self._sort(at + name, name, mode):
                below.append(f"{at}{name}/")
        return below

    def _sort(self, path: str, name: str, facts: os.stat_result) -> bool:
        """Put down what stands at `path`; whether it is a folder to go into."""
        if is_git_name(name):
            return False
        if stat.S_ISDIR(facts.st_mode):
            return not self._ignored.says(f"{path}/") and self._enters_folder(path, name)
        if self._ignored.says(path):
            return False
        if stat.S_ISREG(facts.st_mode):
            self.sizes[path] = facts.st_size
        else:
            self.named[path] = SYMLINK if stat.S_ISLNK(facts.st_mode) else NO_FILE
        return False

    def _enters_folder(self, path: str, name: str) -> bool:
        place = self._top / path
        if os.path.lexists(place / ".git"):
            self.named[f"{path}/"] = OTHER_REPOSITORY
            return False
        if place in SYSTEM_FOLDERS:
            self.named[f"{path}/"] = NO_FILE
            return False
        if name in _INSTALLED and path not in self._enters:
            self.named[f"{path}/"] = INSTALLED
            return False
        return True


def read_small(folder: OpenFolder, name: str, most: int = LARGEST) -> bytes | None:
    """The first `most` bytes of the file `name`; None where there is no regular file to read."""
    try:
        with os.fdopen(folder.open_regular(name), "rb", buffering=0) as stream:
            return stream.read(most)
    except OSError:
        return None
