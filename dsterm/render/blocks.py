"""The blocks of a transcript: what one of them is, and the simple kinds.

A block holds values from events, never from a screen; it draws itself as lines and keeps them until it changes.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from dsterm.render.clean import clean
from dsterm.render.style import EMPTY, Line, Span, Style, indented, spread
from dsterm.render.wording import format_count
from dsterm.render.wrap import wrap_hanging, wrap_text

SHOWN_PROMPT = 12
"""Lines of a long prompt that are shown while it is folded."""


class BlockKind(StrEnum):
    """What a block shows."""

    PROMPT = "prompt"
    REASONING = "reasoning"
    ANSWER = "answer"
    TOOL = "tool"
    COMMAND = "command"
    DIFF = "diff"
    NOTICE = "notice"
    ATTACH = "attach"
    TURN_END = "turn-end"


class Block:
    """A piece of the transcript with a `key` for life and a `revision` that grows with every change.

    `changes` collects the keys of changed blocks for whoever draws them.
    """

    kind = BlockKind.NOTICE
    is_foldable = False

    def __init__(self, key: int, changes: set[int]) -> None:
        self.key = key
        self.revision = 0
        self.has_gap = False
        self._changes = changes
        self._drawn: list[Line] = []
        self._drawn_for = (-1, -1)
        changes.add(key)

    @property
    def source(self) -> str:
        """The logical text, for copying: no wrapping, no line numbers, no marks."""
        return ""

    @property
    def is_folded(self) -> bool:
        """Whether something is hidden that `toggle` shows."""
        return False

    @property
    def is_live(self) -> bool:
        """Whether the block shows a time that runs."""
        return False

    @property
    def settled(self) -> int:
        """How many of the first lines returned last are sure to stay as they are at that width."""
        return 0

    def toggle(self) -> None:
        """Fold or unfold, where that means something."""

    def touch(self) -> None:
        """Something changed: draw again."""
        self.revision += 1
        self._changes.add(self.key)

    def place(self, *, has_gap: bool) -> None:
        """Say whether a blank line parts the block from the one before."""
        if has_gap != self.has_gap:
            self.has_gap = has_gap
            self.touch()

    def lines(self, width: int, now: float) -> list[Line]:
        """The lines at `width` cells, `now` in seconds since the epoch. The list belongs to the block: don't change it."""
        if self._drawn_for != (self.revision, width):
            drawn = self.draw(width, now)
            self._drawn = [EMPTY, *drawn] if self.has_gap else drawn
            self._drawn_for = (self.revision, width)
        return self._drawn

    def draw(self, width: int, now: float) -> list[Line]:
        """The lines without the gap; subclasses say what they are."""
        raise NotImplementedError

    def estimated_height(self, width: int) -> int:
        """The number of lines at `width`: exact where they are drawn already, else a quick guess, at least 1."""
        if self._drawn_for == (self.revision, width):
            return len(self._drawn)
        return self.guess_height(max(width - 2, 1)) + self.has_gap

    def guess_height(self, width: int) -> int:
        """A quick guess without the gap."""
        return text_height(self.source, width)


def text_height(text: str, width: int) -> int:
    """About how many lines `text` takes: its own lines, and one more for each time it is wider than the screen."""
    return text.count("\n") + 1 + len(text) // (width + width // 4)


class PromptBlock(Block):
    """What the user said, with the time at the right; a long one shows its beginning."""

    kind = BlockKind.PROMPT

    def __init__(self, key: int, changes: set[int], text: str, at: datetime) -> None:
        super().__init__(key, changes)
        self._text = clean(text).strip("\n")
        self._time = at.strftime("%H:%M")
        self.is_foldable = self._text.count("\n") >= SHOWN_PROMPT + 4
        self._is_folded = self.is_foldable

    @property
    def source(self) -> str:
        """The prompt."""
        return self._text

    @property
    def is_folded(self) -> bool:
        """Whether only the beginning is shown."""
        return self._is_folded

    def toggle(self) -> None:
        """Show all of a long prompt, or its beginning."""
        if self.is_foldable:
            self._is_folded = not self._is_folded
            self.touch()

    def draw(self, width: int, now: float) -> list[Line]:
        """The label, the words, the time."""
        text, hidden = self._text, 0
        if self._is_folded:
            shown = text.split("\n")
            hidden = len(shown) - SHOWN_PROMPT
            text = "\n".join(shown[:SHOWN_PROMPT])
        words = wrap_text(text, max(width - 14, 8))
        label = (Span(" you  ", Style.ACCENT, bold=True),)
        rows = indented(words, label, (Span(" " * 6),))
        rows[0] = spread(rows[0].spans, (Span(self._time, Style.DIM),), width - 1)
        if hidden:
            rows.append(Line((Span(f"      … {format_count(hidden, 'more line')}", Style.DIM),)))
        return rows


class Note(msgspec.Struct, frozen=True):
    """Words with their mark and role; the words are made clean when they are drawn."""

    text: str
    mark: str = "·"
    style: Style = Style.DIM


class NoteBlock(Block):
    """Words of dsterm's own behind a mark: notices, what was attached, why a turn stopped."""

    def __init__(self, key: int, changes: set[int], kind: BlockKind, note: Note) -> None:
        super().__init__(key, changes)
        self.kind = kind
        self._note = note

    @property
    def source(self) -> str:
        """The words."""
        return clean(self._note.text).strip()

    def replace(self, note: Note) -> None:
        """Say something else instead."""
        if note != self._note:
            self._note = note
            self.touch()

    def draw(self, width: int, now: float) -> list[Line]:
        """The mark and the words."""
        words = wrap_hanging(self.source, max(width - 4, 8), self._note.style)
        return indented(words, (Span(f" {self._note.mark} ", self._note.style),), (Span("   "),))
