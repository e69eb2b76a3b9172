"""The ordered blocks of a transcript: where new ones go, where blank lines stand, which neighbours become one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from dsterm.core.tools import Outcome
from dsterm.render.blocks import Block, BlockKind, Note, NoteBlock
from dsterm.render.diff_block import DiffBlock
from dsterm.render.reads import ReadsBlock
from dsterm.render.tool_blocks import ToolBlock

GATHERED = 3
"""So many finished reads in a row become one block."""

_AnyBlock = TypeVar("_AnyBlock", bound=Block)
_Make = Callable[[int, set[int]], _AnyBlock]


class BlockList:
    """Blocks in order, with keys that are never used twice, and the keys of those that changed."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._changes: set[int] = set()
        self._next_key = 0
        self._change: tuple[NoteBlock, str, dict[str, str]] | None = None

    def take_changed(self) -> set[int]:
        """The keys since the last call."""
        changed = set(self._changes)
        self._changes.clear()
        return changed

    def add(self, make: _Make[_AnyBlock], *, before: Block | None = None) -> _AnyBlock:
        """Make a block and put it at the end, or before another."""
        block = make(self._next_key, self._changes)
        self._next_key += 1
        place = len(self.blocks) if before is None else self._place(before)
        self.blocks.insert(place, block)
        self._space(place)
        self._space(place + 1)
        return block

    def remove(self, block: Block) -> None:
        """Take a block out."""
        place = self._place(block)
        del self.blocks[place]
        self._changes.add(block.key)
        self._space(place)

    def add_change(self, change: tuple[str, str], since: str = "here") -> None:
        """Say that a setting (its name, its new value) holds from `since` on; changes in a row share one block."""
        name, words = change
        if self._change and self.blocks[-1] is self._change[0] and self._change[1] == since:
            block, _, values = self._change
            values[name] = words
            block.replace(_changes(since, values))
            return
        values = {name: words}
        note = _changes(since, values)
        self._change = self.add(lambda key, changes: NoteBlock(key, changes, BlockKind.NOTICE, note)), since, values

    def settle_call(self, block: ToolBlock) -> None:
        """A call has ended: show what it changed below it, or gather it with the reads beside it."""
        if block.result and block.result.diffs and block.result.outcome is Outcome.DONE:
            diffs = block.result.diffs
            place = self._place(block) + 1
            following = self.blocks[place] if place < len(self.blocks) else None
            self.add(lambda key, changes: DiffBlock(key, changes, diffs), before=following)
        elif block.is_done_read:
            self._gather(block)

    def _gather(self, block: ToolBlock) -> None:
        start = end = self._place(block)
        while start > 0 and _is_read(self.blocks[start - 1]):
            start -= 1
        while end + 1 < len(self.blocks) and _is_read(self.blocks[end + 1]):
            end += 1
        run = self.blocks[start : end + 1]
        reads = [read for entry in run for read in _reads(entry)]
        if len(reads) < GATHERED:
            return
        first = run[0]
        gathered = ReadsBlock(first.key, self._changes, reads)
        gathered.revision = first.revision + 1
        gathered.set_folded(is_folded=all(entry.is_folded for entry in run))
        self._changes.update(entry.key for entry in run)
        self.blocks[start : end + 1] = [gathered]
        self._space(start)
        self._space(start + 1)

    def _place(self, block: Block) -> int:
        # What is looked for is nearly always near the end.
        for place in range(len(self.blocks) - 1, -1, -1):
            if self.blocks[place] is block:
                return place
        return len(self.blocks)

    def _space(self, place: int) -> None:
        """Tool lines stand close together; everything else has a blank line before it."""
        if place >= len(self.blocks):
            return
        before = self.blocks[place - 1] if place > 0 else None
        block = self.blocks[place]
        block.place(has_gap=before is not None and not (before.kind is block.kind is BlockKind.TOOL))


def _is_read(block: Block) -> bool:
    return isinstance(block, ReadsBlock) or (isinstance(block, ToolBlock) and block.is_done_read)


def _reads(block: Block) -> list[ToolBlock]:
    if isinstance(block, ReadsBlock):
        return block.reads
    return [block] if isinstance(block, ToolBlock) else []


def _changes(since: str, values: dict[str, str]) -> Note:
    return Note(f"from {since} on: {' · '.join(values.values())}")
