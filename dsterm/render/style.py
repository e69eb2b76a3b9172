"""What a piece of the screen is, apart from how it looks: roles, spans and lines.

A theme maps each role to colours; every front end maps spans to its own strips, text or markup.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from dsterm.render.width import cells, head


class Style(StrEnum):
    """A role that a theme gives colours to."""

    TEXT = "text"
    DIM = "dim"
    ACCENT = "accent"
    REASONING = "reasoning"
    ADDED = "added"
    REMOVED = "removed"
    ADDED_INLINE = "added-inline"
    REMOVED_INLINE = "removed-inline"
    WARNING = "warning"
    ERROR = "error"
    SUCCESS = "success"
    CODE = "code"
    HEADING = "heading"
    QUOTE = "quote"
    LINK = "link"
    KEYWORD = "keyword"
    STRING = "string"
    COMMENT = "comment"
    NUMBER = "number"
    NAME = "name"
    FUNCTION = "function"
    TYPE = "type"
    OPERATOR = "operator"
    RED = "red"
    GREEN = "green"
    YELLOW = "yellow"
    BLUE = "blue"
    MAGENTA = "magenta"
    CYAN = "cyan"


class Span(msgspec.Struct, frozen=True, gc=False):
    """A run of text in one role; the text is clean and holds neither newline nor tab. `reverse` swaps letters and background."""

    text: str
    style: Style = Style.TEXT
    bold: bool = False
    italic: bool = False
    underline: bool = False
    strike: bool = False
    reverse: bool = False

    def with_text(self, text: str) -> Span:
        """The same look for another text."""
        return Span(text, self.style, self.bold, self.italic, self.underline, self.strike, self.reverse)


class Line(msgspec.Struct, frozen=True, gc=False):
    """One screen line; `fill` is the role whose background reaches to the right edge."""

    spans: tuple[Span, ...] = ()
    fill: Style | None = None

    @property
    def text(self) -> str:
        """The line without its looks."""
        return "".join([span.text for span in self.spans])

    @property
    def width(self) -> int:
        """Cells that the line takes on screen."""
        return cells(self.text)


EMPTY = Line()
"""A blank line."""


def indented(lines: Iterable[Line], first: tuple[Span, ...], rest: tuple[Span, ...]) -> list[Line]:
    """`lines` with the spans of `first` before the first line and those of `rest` before the others."""
    indented_lines: list[Line] = []
    lead = first
    for line in lines:
        indented_lines.append(Line(lead + line.spans, line.fill))
        lead = rest
    return indented_lines


def spread(left: tuple[Span, ...], right: tuple[Span, ...], width: int) -> Line:
    """One line with `left` at the left edge and `right` at the right edge; the left part gives way when both don't fit."""
    right_width = sum(cells(span.text) for span in right)
    room = max(width - right_width - 2, 0) if right else width
    kept = clipped(left, room)
    if not right:
        return Line(kept)
    if right_width > width:
        return Line(clipped(right, width))
    used = sum(cells(span.text) for span in kept)
    return Line((*kept, Span(" " * (width - used - right_width)), *right))


def clipped(spans: tuple[Span, ...], width: int) -> tuple[Span, ...]:
    """`spans` cut to `width` cells, with `…` as the last one where something is missing."""
    text = "".join([span.text for span in spans])
    if cells(text) <= width:
        return spans
    if width <= 0:
        return ()
    kept: list[Span] = []
    room = width - 1
    for span in spans:
        taken = head(span.text, room)
        kept.append(span.with_text(taken + "…" if len(taken) < len(span.text) else taken))
        if len(taken) < len(span.text):
            return tuple(kept)
        room -= cells(taken)
    return tuple(kept)
