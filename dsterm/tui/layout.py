"""Where the blocks of a transcript stand, without a screen: what is in sight is laid out, the rest is guessed."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from dsterm.render.blocks import Block, BlockKind
from dsterm.render.style import EMPTY, Line
from dsterm.render.transcript import Transcript
from dsterm.tui.heights import Heights

_LAID_OUT_AT_ONCE = 16


class Place(msgspec.Struct, frozen=True):
    """A line of a block: the block's index and key, and the line's number in it."""

    index: int
    key: int
    row: int


class Layout:
    """The blocks of one transcript at one width; `now` gives seconds since the epoch.

    It stands still between two calls of `take_changes`: what the transcript took away meanwhile can be painted until then.
    """

    def __init__(self, transcript: Transcript, now: Callable[[], float], width: int) -> None:
        self._transcript = transcript
        self._now = now
        self._width = width
        self._heights = Heights()
        self._blocks: list[Block] = []
        self._keys: list[int] = []
        self._places: dict[int, int] = {}

    @property
    def total(self) -> int:
        """Lines of all blocks, as far as known."""
        return self._heights.total

    def set_width(self, width: int) -> None:
        """Lay out for another width: heights are guessed from what they were."""
        if self._width:
            self._heights.scale(self._width / max(width, 1))
        self._width = width

    def take_changes(self) -> list[int]:
        """Indices of blocks that changed or are new, in order; their heights are guesses from here on."""
        blocks = self._transcript.blocks
        changed = self._transcript.take_changed()
        same = self._count_same(changed)
        for key in self._keys[same:]:
            del self._places[key]
        del self._keys[same:], self._blocks[same:]
        self._heights.truncate(same)
        dirty = {self._places[key] for key in changed if key in self._places}
        for index in dirty:
            self._blocks[index] = blocks[index]
            self._heights.doubt(index)
        for index in range(same, len(blocks)):
            block = blocks[index]
            self._blocks.append(block)
            self._keys.append(block.key)
            self._places[block.key] = index
            self._heights.append(block.estimated_height(self._width))
            dirty.add(index)
        return sorted(dirty)

    def _count_same(self, changed: set[int]) -> int:
        """How many blocks at the beginning stand where they stood."""
        blocks, keys = self._transcript.blocks, self._keys
        known = [self._places[key] for key in changed if key in self._places]
        in_place = all(place < len(blocks) and blocks[place].key == keys[place] for place in known)
        if in_place and len(blocks) >= len(keys) and (not keys or blocks[len(keys) - 1].key == keys[-1]):
            return len(keys)
        # Blocks came or went in between; that is rare, so looking at all of them is no cost of a frame.
        pairs = enumerate(zip(blocks, keys, strict=False))
        return next((place for place, (block, key) in pairs if block.key != key), min(len(blocks), len(keys)))

    def measure_last(self, indices: list[int]) -> None:
        """Lay out the last few of these blocks."""
        for index in indices[-_LAID_OUT_AT_ONCE:]:
            self._measure(index)

    def measure_end(self, rows: int) -> None:
        """Lay out from the last block upwards until `rows` lines are known."""
        for index in reversed(range(len(self._heights))):
            if rows <= 0:
                break
            self._measure(index)
            rows -= self._heights.height(index)

    def measure_from(self, top: int, rows: int) -> None:
        """Lay out from line `top` downwards until `rows` lines are known."""
        found = self._heights.find(top)
        if found is None:
            return
        index, row = found
        rows += row
        while rows > 0 and index < len(self._heights):
            self._measure(index)
            rows -= self._heights.height(index)
            index += 1

    def measure_back(self, place: Place, rows: int) -> None:
        """Lay out the blocks before `place` until `rows` lines above it are known."""
        rows -= place.row
        index = place.index - 1
        while rows > 0 and index >= 0:
            self._measure(index)
            rows -= self._heights.height(index)
            index -= 1

    def _measure(self, index: int) -> None:
        if not self._heights.is_exact(index):
            self._heights.set(index, len(self._lines(index)))

    def _lines(self, index: int) -> list[Line]:
        return self._blocks[index].lines(self._width, self._now())

    def find(self, line: int) -> Place | None:
        """What stands at `line`; None beyond the end."""
        found = self._heights.find(line)
        return None if found is None else Place(found[0], self._keys[found[0]], found[1])

    def line(self, place: Place) -> Line:
        """The line there."""
        lines = self._lines(place.index)
        return lines[place.row] if place.row < len(lines) else EMPTY

    def where(self, place: Place) -> int:
        """The line at which `place` stands now."""
        if place.index >= len(self._heights):
            return self.total
        return self._heights.start(place.index) + min(place.row, max(self._heights.height(place.index) - 1, 0))

    def span(self, index: int) -> tuple[int, int]:
        """The first line of a block, and the one after its last."""
        start, height = self._heights.start(index), self._heights.height(index)
        return start, start + height

    def is_any_open(self, kinds: frozenset[BlockKind]) -> bool:
        """Whether a block of these kinds shows more than it must."""
        return any(
            block.kind in kinds and block.is_foldable and not block.is_folded for block in self._transcript.blocks
        )

    def toggle(self, place: Place) -> bool:
        """Fold or open the block if `place` is its first line; False where it is not."""
        block = self._blocks[place.index]
        if not block.is_foldable or place.row > int(block.has_gap):
            return False
        block.toggle()
        return True
