"""Which rows of the tree are to be seen: folders that are open, what a filter lets through, in which order."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from dsterm.core.attachments import LeftOut
from dsterm.tui.attach.folders import Folder
from dsterm.tui.attach.tree import AttachTree, span


class Row(msgspec.Struct, frozen=True, gc=False):
    """One row: a folder, the number of a file, or what is named only, such as a submodule; `depth` is its indentation."""

    target: Folder | int | LeftOut
    depth: int


class Rows:
    """The rows of a tree. Whoever changes what is open, the filter or the order calls `lay_out` for the new ones.

    `layouts` counts those.
    """

    def __init__(self, tree: AttachTree) -> None:
        self.tree = tree
        self.is_by_tokens = False
        self.filter = ""
        self._low = [file.path.lower() for file in tree.files]
        self._matches: list[int] | None = None
        self.rows: list[Row] = []
        self.layouts = 0
        self.lay_out()

    def set_filter(self, words: str) -> None:
        """Show only files whose paths fit all of `words`; none: all files."""
        self.filter = words
        shown = matching(self._low, words)
        self._matches = None
        if shown is not None:
            self._matches = [0]
            for is_shown in shown:
                self._matches.append(self._matches[-1] + is_shown)
        self.tree.show_only(shown)
        self.lay_out()

    def lay_out(self) -> None:
        """The rows anew."""
        self.layouts += 1
        self.rows = []
        waiting = [Row(self.tree.root, 0)]
        while waiting:
            row = waiting.pop()
            self.rows.append(row)
            if isinstance(row.target, Folder) and (row.target.is_open or self._matches is not None):
                inside = [Row(target, row.depth + 1) for target in self._inside(row.target)]
                waiting.extend(reversed(inside))

    def place(self, target: Folder | int | LeftOut) -> int | None:
        """Where the row of `target` is; None where it is not to be seen."""
        return next(
            (place for place, row in enumerate(self.rows) if row.target is target or row.target == target), None
        )

    def parent(self, place: int) -> int:
        """Where the folder is that holds the row at `place`."""
        depth = self.rows[place].depth
        return next((above for above in range(place - 1, -1, -1) if self.rows[above].depth < depth), 0)

    def reveal(self, path: str) -> int:
        """Open what is above the file or folder `path`, and say where it is; the first row where there is none such."""
        folder = self.tree.root
        while True:
            folder.is_open = folder.is_open or folder.path != path
            if folder.path == path:
                break
            inner = next((each for each in folder.folders if path.startswith(each.path)), None)
            if inner is None:
                break
            folder = inner
        self.lay_out()
        number = next((each for each in folder.files if self.tree.files[each].path == path), None)
        place = self.place(folder if number is None else number)
        return place or 0

    def open_paths(self) -> set[str]:
        """The folders that are open."""
        return {folder.path for folder in self.tree.root.walk() if folder.is_open}

    def open_all(self, paths: set[str]) -> None:
        """Open these folders, and no others."""
        for folder in self.tree.root.walk():
            folder.is_open = folder.path in paths or folder.parent is None
        self.lay_out()

    def follow(self, other: Rows) -> None:
        """Stand as `other` does, which may be of another survey: open folders, filter and order."""
        self.is_by_tokens = other.is_by_tokens
        self.open_all(other.open_paths())
        if other.filter or self.filter:
            self.set_filter(other.filter)

    def _inside(self, folder: Folder) -> list[Folder | int | LeftOut]:
        children: list[Folder | int] = [*folder.folders, *folder.files]
        if self.is_by_tokens:
            children.sort(key=lambda child: -self.tree.all_tokens(child))
        if self._matches is None:
            return [*children, *folder.named]
        return [child for child in children if self._has_match(*span(child))]

    def _has_match(self, start: int, end: int) -> bool:
        return self._matches is None or self._matches[end] > self._matches[start]


def matching(low_paths: Sequence[str], words: str) -> bytearray | None:
    """Which paths, in small letters, hold all of `words`; where none does, which have their letters in that order.

    None where there are no words.
    """
    parts = words.lower().split()
    if not parts:
        return None
    whole = bytearray(all(part in path for part in parts) for path in low_paths)
    if any(whole):
        return whole
    searches = [re.compile(".*?".join(map(re.escape, part)), re.DOTALL).search for part in parts]
    return bytearray(all(search(path) for search in searches) for path in low_paths)
