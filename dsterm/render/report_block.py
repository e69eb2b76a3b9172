"""A report as lines: the picture as a grid of glyphs, tables that give up columns where there is no room, and sentences.

Each role has a glyph of its own, so that the picture is read without colours too; the table below it says which is which.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dsterm.core.report_events import Part, Picture, ReportShown, ReportTable, Role, Sentences, TableRow
from dsterm.render.blocks import Block, BlockKind
from dsterm.render.clean import clean_line
from dsterm.render.plain import plain_text
from dsterm.render.style import EMPTY, Line, Span, Style, indented
from dsterm.render.width import cells, truncated
from dsterm.render.wrap import wrap_text

_LOOKS: dict[Role, tuple[str, Style]] = {
    Role.SYSTEM: ("■", Style.ACCENT),
    Role.TOOLS: ("□", Style.ACCENT),
    Role.INSTRUCTIONS: ("▤", Style.ACCENT),
    Role.PACK: ("█", Style.BLUE),
    Role.CHANGES: ("▓", Style.CYAN),
    Role.WORDS: ("●", Style.GREEN),
    Role.MENTIONS: ("@", Style.GREEN),
    Role.ANSWERS: ("◆", Style.MAGENTA),
    Role.REASONING: ("≈", Style.REASONING),
    Role.RESULTS: ("▲", Style.YELLOW),
    Role.ROOM: ("○", Style.DIM),
    Role.FREE: ("·", Style.DIM),
}
_ROWS = 3
_WIDEST = 64
_WIDEST_TABLE = 92
_LEAST_NAME = 18
"""Cells that the first column gets before figures do."""

_GAP = 2
_INDENT = (Span("   "),)


class ReportBlock(Block):
    """A report in the transcript."""

    kind = BlockKind.NOTICE

    def __init__(self, key: int, changes: set[int], report: ReportShown) -> None:
        super().__init__(key, changes)
        self._report = report

    @property
    def source(self) -> str:
        """The report as text."""
        return report_text(self._report)

    def draw(self, width: int, now: float) -> list[Line]:
        """The title behind a mark, the sections below it."""
        return report_lines(self._report, width)


def report_text(report: ReportShown, width: int = 80) -> str:
    """The report for a pipe or a log."""
    return plain_text(report_lines(report, width)).rstrip("\n")


def report_lines(report: ReportShown, width: int) -> list[Line]:
    """The report in `width` cells."""
    room = max(width - 4, 8)
    title = wrap_text(clean_line(report.title), room, Style.TEXT)
    lines = indented(title, (Span(" · ", Style.DIM),), _INDENT)
    for place, section in enumerate(report.sections):
        if place:
            lines.append(EMPTY)
        lines += indented(_section(section, room), _INDENT, _INDENT)
    return lines


def _section(section: Picture | ReportTable | Sentences, width: int) -> list[Line]:
    match section:
        case Picture(parts=parts):
            return list(_picture(parts, min(width, _WIDEST)))
        case ReportTable():
            return list(_table(section, min(width, _WIDEST_TABLE)))
        case Sentences(texts=texts):
            return [line for text in texts for line in wrap_text(clean_line(text), width, Style.DIM)]


def _picture(parts: Sequence[Part], width: int) -> Iterator[Line]:
    counts = cell_counts([part.tokens for part in parts], width * _ROWS)
    roles = [part.role for part, count in zip(parts, counts, strict=True) for _ in range(count)]
    for start in range(0, len(roles), width):
        row = roles[start : start + width]
        spans: list[Span] = []
        begin = 0
        for place in range(1, len(row) + 1):
            if place == len(row) or row[place] is not row[begin]:
                glyph, look = _LOOKS[row[begin]]
                spans.append(Span(glyph * (place - begin), look))
                begin = place
        yield Line(tuple(spans))


def cell_counts(tokens: Sequence[int], cells_in_all: int) -> list[int]:
    """How many cells each part gets, together all of them: in proportion, at least one for whatever is there."""
    present = [max(0, each) for each in tokens]
    total = sum(present)
    if not total:
        return [0] * len(present)
    counts = [max(each * cells_in_all // total, 1) if each else 0 for each in present]
    largest = max(range(len(present)), key=present.__getitem__)
    counts[largest] = max(counts[largest] + cells_in_all - sum(counts), 1)
    return counts


def _table(table: ReportTable, width: int) -> Iterator[Line]:
    shown = list(range(1, len(table.header)))
    widths = {
        column: max(cells(clean_line(row[column])) for row in (table.header, *(row.cells for row in table.rows)))
        for column in shown
    }
    names = [_name_width(row) for row in table.rows]
    least = min(max(names, default=0), _LEAST_NAME)
    others = [column for column in reversed(shown) if column not in table.drops]
    for column in (*table.drops, *others):
        if least + sum(widths[each] + _GAP for each in shown) <= width:
            break
        shown.remove(column)
    figures = sum(widths[each] + _GAP for each in shown)
    name = min(max(width - figures, 1), max([*names, cells(table.header[0])]))
    yield _row(TableRow(cells=table.header), shown, widths, name, Style.DIM)
    for row in table.rows:
        # A row without figures is words, which may take all of the line.
        is_words = not any(row.cells[1:])
        yield from _words(row, width) if is_words else [_row(row, shown, widths, name, Style.TEXT)]


def _name_width(row: TableRow) -> int:
    if not any(row.cells[1:]):
        return 0
    return cells(clean_line(row.cells[0])) + 2 * row.depth + (2 if row.role else 0)


def _row(row: TableRow, shown: Sequence[int], widths: dict[int, int], name: int, style: Style) -> Line:
    lead = _lead(row)
    room = max(name - sum(cells(span.text) for span in lead), 1)
    look = Style.DIM if row.depth else style
    text = truncated(clean_line(row.cells[0]), room)
    spans = [*lead, Span(text + " " * (room - cells(text)), look)]
    for column in shown:
        figure = clean_line(row.cells[column])
        spans.append(Span(" " * (widths[column] + _GAP - cells(figure)) + figure, look))
    return Line(tuple(spans))


def _words(row: TableRow, width: int) -> list[Line]:
    indent = (Span("  " * row.depth),) if row.depth else ()
    return indented(wrap_text(clean_line(row.cells[0]), max(width - 2 * row.depth, 8), Style.DIM), indent, indent)


def _lead(row: TableRow) -> list[Span]:
    lead = [Span("  " * row.depth)] if row.depth else []
    if row.role is not None:
        glyph, look = _LOOKS[row.role]
        lead.append(Span(f"{glyph} ", look))
    return lead
