"""Tables of Markdown: drawn when they fit, else one `key: value` line for each cell."""

from __future__ import annotations

from collections.abc import Sequence

from dsterm.render.nodes import Spans, Table
from dsterm.render.style import EMPTY, Line, Span, Style
from dsterm.render.width import cells
from dsterm.render.wrap import wrap

_GAP = Span("  ")


def table_lines(table: Table, width: int) -> list[Line]:
    """The table in at most `width` cells."""
    widths = [max(_width(row[column]) for row in (table.header, *table.rows)) for column in range(len(table.header))]
    if sum(widths) + len(_GAP.text) * (len(widths) - 1) <= width:
        return _grid(table, widths)
    return _records(table, width)


def _width(spans: Spans) -> int:
    return sum(cells(span.text) for span in spans)


def _grid(table: Table, widths: Sequence[int]) -> list[Line]:
    header = tuple(_bold(cell) for cell in table.header)
    rule = _joined([(Span("─" * max(width, 1), Style.DIM),) for width in widths])
    lines = [_row(header, table.alignments, widths), Line(rule)]
    return [*lines, *(_row(row, table.alignments, widths) for row in table.rows)]


def _row(row: Sequence[Spans], alignments: Sequence[str], widths: Sequence[int]) -> Line:
    places = zip(row, alignments, widths, strict=True)
    return Line(_joined([_aligned(cell, alignment, width) for cell, alignment, width in places]))


def _joined(parts: Sequence[Spans]) -> Spans:
    spans: list[Span] = []
    for index, part in enumerate(parts):
        if index:
            spans.append(_GAP)
        spans.extend(part)
    return tuple(spans)


def _aligned(cell: Spans, alignment: str, width: int) -> Spans:
    room = width - _width(cell)
    before = room if alignment == "right" else room // 2 if alignment == "center" else 0
    return tuple(span for span in (Span(" " * before), *cell, Span(" " * (room - before))) if span.text)


def _records(table: Table, width: int) -> list[Line]:
    lines: list[Line] = []
    for row in table.rows or (table.header,):
        if lines:
            lines.append(EMPTY)
        for key, cell in zip(table.header, row, strict=True):
            name = (*_bold(key), Span(": ", bold=True)) if key and table.rows else ()
            lines.extend(wrap((*name, *cell), width))
    return lines


def _bold(cell: Spans) -> Spans:
    return tuple(Span(span.text, span.style, bold=True, italic=span.italic, underline=span.underline) for span in cell)
