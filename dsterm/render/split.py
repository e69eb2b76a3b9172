"""A change to a file side by side: the old lines at the left, the new ones at the right, what belongs together in one row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest

import msgspec

from dsterm.core.diff import DiffLine, FileDiff, Hunk, LineKind
from dsterm.render.clean import clean_code
from dsterm.render.diff import LOOKS, context_colours, diff_header, inline_changes, number_digits, run_end
from dsterm.render.style import EMPTY, Line, Span, Style, indented
from dsterm.render.width import cells
from dsterm.render.wrap import fold

_NARROWEST = 8
_BETWEEN = Span(" │ ", Style.DIM)


class _Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """What the lines of a hunk are drawn with."""

    lines: Sequence[DiffLine]
    spans: Mapping[int, tuple[Span, ...]]
    old: Sequence[int]
    new: Sequence[int]
    digits: int


def split_lines(diff: FileDiff, width: int) -> list[Line]:
    """The change of one file in two columns, in at most `width` cells: a header, then its hunks."""
    lines = [diff_header(diff, width)]
    digits = number_digits(diff)
    half = max((width - cells(_BETWEEN.text) - 1) // 2, digits + 3 + _NARROWEST)
    for index, hunk in enumerate(diff.hunks):
        if index:
            lines.append(Line((Span(f" {'⋯':>{digits}}", Style.DIM),)))
        lines.extend(_rows(_drawn(diff, hunk, digits), half))
    return lines


def _drawn(diff: FileDiff, hunk: Hunk, digits: int) -> _Drawn:
    texts = [clean_code(line.text).expandtabs(4) for line in hunk.lines]
    plain = {
        index: (Span(text, LOOKS[line.kind].style),)
        for index, (line, text) in enumerate(zip(hunk.lines, texts, strict=True))
        if text
    }
    old, new = [hunk.old_start], [hunk.new_start]
    for line in hunk.lines:
        old.append(old[-1] + (line.kind is not LineKind.ADDED))
        new.append(new[-1] + (line.kind is not LineKind.REMOVED))
    spans = plain | context_colours(diff.path, hunk, texts) | inline_changes(hunk.lines, texts)
    return _Drawn(lines=hunk.lines, spans=spans, old=old, new=new, digits=digits)


def _rows(drawn: _Drawn, half: int) -> Iterator[Line]:
    for left, right in _pairs(drawn.lines):
        columns = (_column(drawn, left, drawn.old, half), _column(drawn, right, drawn.new, half))
        blank = Line((Span(" " * half),))
        for one, other in zip_longest(*columns, fillvalue=blank):
            yield Line((*_padded(one, half), _BETWEEN, *_padded(other, half)))


def _pairs(lines: Sequence[DiffLine]) -> Iterator[tuple[int | None, int | None]]:
    """Which lines stand beside each other: a context line beside itself, removed lines beside the added ones that follow."""
    index = 0
    while index < len(lines):
        if lines[index].kind is LineKind.CONTEXT:
            yield index, index
            index += 1
            continue
        middle = run_end(lines, index, LineKind.REMOVED)
        end = run_end(lines, middle, LineKind.ADDED)
        yield from zip_longest(range(index, middle), range(middle, end))
        index = end


def _column(drawn: _Drawn, index: int | None, numbers: Sequence[int], half: int) -> list[Line]:
    if index is None:
        return [EMPTY]
    look = LOOKS[drawn.lines[index].kind]
    gutter = f" {numbers[index]:>{drawn.digits}} "
    rows = fold(drawn.spans.get(index, ()), max(half - len(gutter) - 2, _NARROWEST), look.fill)
    mark = Span(f"{look.mark} ", look.style)
    return indented(rows, (Span(gutter, Style.DIM), mark), (Span(" " * len(gutter), Style.DIM), mark.with_text("  ")))


def _padded(line: Line, half: int) -> tuple[Span, ...]:
    """The spans of a column, its background reaching to the column's edge."""
    missing = half - line.width
    return (*line.spans, Span(" " * missing, line.fill or Style.TEXT)) if missing > 0 else line.spans
