"""The block of several reads in a row, as one line."""

from __future__ import annotations

from collections.abc import Sequence

from dsterm.render.blocks import Block, BlockKind
from dsterm.render.style import Line, Span, Style, indented, spread
from dsterm.render.tool_blocks import ToolBlock
from dsterm.render.wording import format_count, format_tokens


class ReadsBlock(Block):
    """Three or more finished reads in a row, as one line."""

    kind = BlockKind.TOOL
    is_foldable = True

    def __init__(self, key: int, changes: set[int], reads: Sequence[ToolBlock]) -> None:
        super().__init__(key, changes)
        self.reads = list(reads)
        self._is_open = False

    @property
    def source(self) -> str:
        """All the reads."""
        return "\n\n".join([read.source for read in self.reads])

    @property
    def is_folded(self) -> bool:
        """Whether the reads are one line."""
        return not self._is_open

    def toggle(self) -> None:
        """Show a line for each read, or one for all."""
        self.set_folded(is_folded=self._is_open)

    def set_folded(self, *, is_folded: bool) -> None:
        """Fold or unfold."""
        if is_folded == self._is_open:
            self._is_open = not is_folded
            self.touch()

    def draw(self, width: int, now: float) -> list[Line]:
        """The one line, and the others below it when it is open."""
        files = len({read.subject.split("  ")[0] for read in self.reads})
        tokens = format_tokens(sum(read.tokens for read in self.reads), is_fine=True)
        words = f"{'read':<5}{format_count(files, 'file')}"
        line = spread((Span(" ● ", Style.SUCCESS), Span(words), Span(f"  {tokens} tok", Style.DIM)), (), width - 1)
        if self.is_folded:
            return [line]
        return [line, *indented([read.line(width - 2, now) for read in self.reads], (Span("  "),), (Span("  "),))]

    def guess_height(self, width: int) -> int:
        """One line, or one for each."""
        return 1 if self.is_folded else 1 + len(self.reads)
