"""Spans broken into lines of a given width; looks survive the break."""

from __future__ import annotations

from collections.abc import Sequence

from dsterm.render.style import EMPTY, Line, Span, Style, indented
from dsterm.render.width import cells, hard_breaks, word_breaks

_HANGING = 2


def wrap(spans: Sequence[Span], width: int) -> list[Line]:
    """`spans` as lines of at most `width` cells, broken between words; at least one line."""
    if len(spans) == 1:
        span = spans[0]
        if len(span.text) <= width and cells(span.text) <= width:
            return [Line((span,))]
        return [Line((span.with_text(span.text[start:end]),)) for start, end in word_breaks(span.text, width)]
    text = "".join([span.text for span in spans])
    if cells(text) <= width:
        return [Line(tuple(spans))] if text else [EMPTY]
    return _cut(spans, word_breaks(text, width), None)


def fold(spans: Sequence[Span], width: int, fill: Style | None = None) -> list[Line]:
    """`spans` as lines of at most `width` cells, cut where the width ends: for code, where every blank counts."""
    text = "".join([span.text for span in spans])
    if cells(text) <= width:
        return [Line(tuple(spans), fill)]
    return _cut(spans, hard_breaks(text, width), fill)


def wrap_text(text: str, width: int, style: Style = Style.TEXT, *, italic: bool = False) -> list[Line]:
    """Plain text of one or more lines, each wrapped by words; tabs become four-column stops."""
    lines: list[Line] = []
    for part in text.split("\n"):
        line = part.expandtabs(4).rstrip(" ")
        lines.extend(wrap((Span(line, style, italic=italic),), width) if line else (EMPTY,))
    return lines


def wrap_hanging(text: str, width: int, style: Style = Style.TEXT) -> list[Line]:
    """Plain text as `wrap_text` breaks it, but a line that begins with blanks goes on a little deeper than it begins."""
    lines: list[Line] = []
    for part in text.split("\n"):
        body = part.lstrip(" ")
        depth = min(len(part) - len(body), width // 2)
        if not depth or cells(part) <= width:
            lines += wrap_text(part, width, style)
            continue
        broken = wrap_text(body, max(width - depth - _HANGING, 1), style)
        lines += indented(broken, (Span(" " * depth),), (Span(" " * (depth + _HANGING)),))
    return lines


def _cut(spans: Sequence[Span], breaks: list[tuple[int, int]], fill: Style | None) -> list[Line]:
    lines: list[Line] = []
    index, offset = 0, 0
    for start, end in breaks:
        kept: list[Span] = []
        while index < len(spans):
            span = spans[index]
            stop = offset + len(span.text)
            if stop > start:
                text = span.text[max(start - offset, 0) : end - offset]
                if text:
                    kept.append(span if len(text) == len(span.text) else span.with_text(text))
            if stop > end:
                break
            index += 1
            offset = stop
        lines.append(Line(tuple(kept), fill))
    return lines
