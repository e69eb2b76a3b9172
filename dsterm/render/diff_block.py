"""The block of the changes that an edit made."""

from __future__ import annotations

from collections.abc import Sequence

from dsterm.core.diff import FileDiff
from dsterm.render.blocks import Block, BlockKind
from dsterm.render.diff import diff_header, diff_lines, diff_source
from dsterm.render.style import EMPTY, Line

SHOWN_DIFF = 60
"""A change of more lines than this begins folded."""


class DiffBlock(Block):
    """The changes that an edit made."""

    kind = BlockKind.DIFF
    is_foldable = True

    def __init__(self, key: int, changes: set[int], diffs: Sequence[FileDiff]) -> None:
        super().__init__(key, changes)
        self._diffs = tuple(diffs)
        self._size = sum(len(hunk.lines) + 1 for diff in diffs for hunk in diff.hunks)
        self._is_folded = self._size > SHOWN_DIFF

    @property
    def source(self) -> str:
        """The changes as marked lines."""
        return "\n".join(map(diff_source, self._diffs))

    @property
    def is_folded(self) -> bool:
        """Whether only the headers are shown."""
        return self._is_folded

    def toggle(self) -> None:
        """Show the hunks, or the headers alone."""
        self._is_folded = not self._is_folded
        self.touch()

    def draw(self, width: int, now: float) -> list[Line]:
        """One change below the other."""
        lines: list[Line] = []
        for diff in self._diffs:
            if self._is_folded:
                lines.append(diff_header(diff, width, is_folded=True))
            else:
                lines.extend([EMPTY, *diff_lines(diff, width)] if lines else diff_lines(diff, width))
        return lines

    def guess_height(self, width: int) -> int:
        """Headers and lines, as if none were too long."""
        return len(self._diffs) * 2 - 1 + (0 if self._is_folded else self._size)
