"""Where each block of the transcript begins: heights in lines, exact once drawn and estimated before, with their sums."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate


class Heights:
    """Heights of a row of blocks. A change costs only what stands behind it, so growing at the end costs nothing."""

    def __init__(self) -> None:
        self._heights: list[int] = []
        self._exact: list[bool] = []
        self._starts: list[int] = [0]

    def __len__(self) -> int:
        return len(self._heights)

    @property
    def total(self) -> int:
        """Lines of all blocks together."""
        return self._starts[-1]

    def append(self, height: int) -> None:
        """One more block, its height a guess."""
        self._heights.append(height)
        self._exact.append(False)
        self._starts.append(self._starts[-1] + height)

    def truncate(self, count: int) -> None:
        """Forget all blocks from `count` on."""
        del self._heights[count:], self._exact[count:], self._starts[count + 1 :]

    def set(self, index: int, height: int) -> int:
        """The height is known; the difference to what was thought comes back."""
        difference = height - self._heights[index]
        self._exact[index] = True
        if difference:
            self._heights[index] = height
            self._starts[index:] = accumulate(self._heights[index:], initial=self._starts[index])
        return difference

    def doubt(self, index: int) -> None:
        """The block changed: its height is a guess again."""
        self._exact[index] = False

    def scale(self, ratio: float) -> None:
        """All heights are guesses again, `ratio` times what they were, as when the width changes."""
        self._heights = [max(1, round(height * ratio)) if height else 0 for height in self._heights]
        self._exact = [False] * len(self._heights)
        self._starts = list(accumulate(self._heights, initial=0))

    def is_exact(self, index: int) -> bool:
        """Whether the height was measured since it last changed."""
        return self._exact[index]

    def start(self, index: int) -> int:
        """The first line of a block."""
        return self._starts[index]

    def height(self, index: int) -> int:
        """How many lines a block has."""
        return self._heights[index]

    def find(self, line: int) -> tuple[int, int] | None:
        """The block that holds `line`, and which of its lines that is; None beyond the end."""
        if not 0 <= line < self.total:
            return None
        index = bisect_right(self._starts, line) - 1
        return index, line - self._starts[index]
