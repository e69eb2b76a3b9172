"""The block of an answer: Markdown that streams."""

from __future__ import annotations

from dsterm.render.blocks import Block, BlockKind
from dsterm.render.markdown import Markdown
from dsterm.render.style import Line


class AnswerBlock(Block):
    """The model's answer; what is finished is laid out once."""

    kind = BlockKind.ANSWER

    def __init__(self, key: int, changes: set[int]) -> None:
        super().__init__(key, changes)
        self._markdown = Markdown()

    @property
    def source(self) -> str:
        """The Markdown text."""
        return self._markdown.source

    @property
    def settled(self) -> int:
        """Lines that later text can't change."""
        return self._markdown.settled

    @property
    def raw(self) -> str:
        """The text as it came."""
        return self._markdown.raw

    def feed(self, text: str) -> None:
        """More of the answer."""
        self._markdown.feed(text)
        self.touch()

    def finish(self, text: str) -> None:
        """The answer is complete, and it is `text`."""
        if self.raw != text:
            self._markdown = Markdown()
            self._markdown.feed(text)
        self._markdown.finish()
        self.touch()

    def lines(self, width: int, now: float) -> list[Line]:
        """The lines at `width`. The list belongs to the block and is changed in place: don't keep it."""
        if self._drawn_for != (self.revision, width):
            self._drawn = self._markdown.lines(width, has_gap=self.has_gap)
            self._drawn_for = (self.revision, width)
        return self._drawn

    def guess_height(self, width: int) -> int:
        """A quick guess from the raw text."""
        text = self.raw
        return text.count("\n") + 1 + len(text) // (width + width // 4)
