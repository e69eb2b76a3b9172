"""Nodes of Markdown to lines of a given width."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dsterm.render.code import CodeLine
from dsterm.render.nodes import Code, Heading, Item, Listing, Node, Paragraph, Quote, Rule, Table
from dsterm.render.style import EMPTY, Line, Span, Style, indented
from dsterm.render.table import table_lines
from dsterm.render.width import cells, padded
from dsterm.render.wrap import fold, wrap

_NARROWEST = 12
_MARGIN = (Span(" ", Style.CODE),)
_BAR = (Span("│ ", Style.QUOTE),)


def lay_out(node: Node, width: int) -> list[Line]:
    """`node` in lines of at most `width` cells."""
    match node:
        case Paragraph(lines=lines):
            return [line for spans in lines for line in wrap(spans, width)]
        case Heading(level=level, spans=spans):
            return wrap([_underlined(span) for span in spans] if level == 1 else spans, width)
        case Code(lines=lines):
            return code_lines(lines, width)
        case Listing():
            return _listing(node, width)
        case Quote(children=children):
            inner, bar = (width - 2, _BAR) if width - 2 >= _NARROWEST else (width, ())
            return indented([_quoted(line) for line in _stacked(children, inner)], bar, bar)
        case Table():
            return table_lines(node, width)
        case Rule():
            return [Line((Span("─" * width, Style.DIM),))]


def code_lines(lines: Iterable[CodeLine], width: int) -> list[Line]:
    """Code on its background, one cell in; lines that are too long are cut and go on below."""
    inner = max(width - 2, 1)
    drawn: list[Line] = []
    for spans in lines:
        drawn.extend(Line(_MARGIN + line.spans, Style.CODE) for line in fold(spans, inner))
    return drawn


def _stacked(nodes: Sequence[Node], width: int, *, is_tight: bool = False) -> list[Line]:
    lines: list[Line] = []
    for node in nodes:
        if lines and not is_tight:
            lines.append(EMPTY)
        lines.extend(lay_out(node, width))
    return lines or [EMPTY]


def _listing(listing: Listing, width: int) -> list[Line]:
    widest = max(cells(item.mark) for item in listing.items)
    lines: list[Line] = []
    for item in listing.items:
        if lines and not listing.is_tight:
            lines.append(EMPTY)
        lines.extend(_item(item, widest, width, is_tight=listing.is_tight))
    return lines


def _item(item: Item, widest: int, width: int, *, is_tight: bool) -> list[Line]:
    mark = f"{item.mark:>{widest}} "
    inner = width - len(mark)
    if inner < _NARROWEST:
        # Deeply nested: the mark gets a line of its own rather than no room for the text.
        return [*wrap((Span(mark.strip(), Style.ACCENT),), width), *_stacked(item.children, width, is_tight=is_tight)]
    children = _stacked(item.children, inner, is_tight=is_tight)
    return indented(children, (Span(mark, Style.ACCENT),), (Span(padded("", len(mark))),))


def _quoted(line: Line) -> Line:
    if line.fill is not None:
        return line
    return Line(tuple(_in_role(span, Style.QUOTE) if span.style is Style.TEXT else span for span in line.spans))


def _in_role(span: Span, style: Style) -> Span:
    return Span(span.text, style, span.bold, span.italic, span.underline, span.strike)


def _underlined(span: Span) -> Span:
    return Span(span.text, span.style, span.bold, span.italic, True, span.strike)
