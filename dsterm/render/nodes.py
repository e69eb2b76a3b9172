"""What Markdown text is made of once it is parsed; knows neither the parser nor the width of a screen."""

from __future__ import annotations

import msgspec

from dsterm.render.code import CodeLine
from dsterm.render.style import Span

Spans = tuple[Span, ...]


class Heading(msgspec.Struct, frozen=True):
    """A heading of level 1 to 6."""

    level: int
    spans: Spans


class Paragraph(msgspec.Struct, frozen=True):
    """Text to be wrapped; each entry begins on a line of its own (hard breaks)."""

    lines: tuple[Spans, ...]


class Code(msgspec.Struct, frozen=True):
    """A fenced or indented piece of code, line by line."""

    lines: tuple[CodeLine, ...]


class Item(msgspec.Struct, frozen=True):
    """One entry of a list with its mark (`•`, `1.`, `☑`)."""

    mark: str
    children: tuple[Node, ...]


class Listing(msgspec.Struct, frozen=True):
    """A list; a tight one has no blank lines between its entries."""

    items: tuple[Item, ...]
    is_tight: bool


class Quote(msgspec.Struct, frozen=True):
    """Quoted blocks."""

    children: tuple[Node, ...]


class Table(msgspec.Struct, frozen=True):
    """A table: `alignments` holds `left`, `right` or `center` for each column."""

    header: tuple[Spans, ...]
    rows: tuple[tuple[Spans, ...], ...]
    alignments: tuple[str, ...]


class Rule(msgspec.Struct, frozen=True):
    """A line across the page."""


Node = Heading | Paragraph | Code | Listing | Quote | Table | Rule
