"""Selecting text in lines that are drawn, not held in widgets."""

from __future__ import annotations

from collections.abc import Callable

from rich.cells import cell_len
from rich.style import Style as Look
from textual.geometry import Offset
from textual.selection import Selection
from textual.strip import Strip


def highlighted(strip: Strip, text: str, span: tuple[int, int], look: Look) -> Strip:
    """`strip` with the characters of `span` (an end of -1 is the line's) in the look of a selection."""
    start, end = span
    first = cell_len(text[:start])
    last = cell_len(text if end == -1 else text[:end])
    if last <= first:
        return strip
    width = strip.cell_length
    return Strip.join([strip.crop(0, first), strip.crop(first, last).apply_style(look), strip.crop(last, width)])


def selected_text(selection: Selection, line: Callable[[int], str], total: int) -> str:
    """The text of a selection over `total` lines, without the blanks at the ends of lines; only its own lines are asked for."""
    start = selection.start or Offset(0, 0)
    end = selection.end or Offset(0, total)
    first, last = max(0, start.y), min(end.y, total - 1)
    texts = [line(y) for y in range(first, last + 1)]
    if selection.end is not None and texts and last == end.y:
        texts[-1] = texts[-1][: end.x]
    if texts:
        texts[0] = texts[0][start.x :]
    return "\n".join(text.rstrip() for text in texts)
