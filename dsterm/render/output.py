"""Output of commands on a screen: its last lines while it runs, as much as is sensible of it afterwards."""

from __future__ import annotations

from collections.abc import Sequence

from dsterm.render.ansi import AnsiText, SpanLine, parse_output
from dsterm.render.style import EMPTY, Line, Span, Style, clipped
from dsterm.render.wording import format_count
from dsterm.render.wrap import fold

TAIL = 6
"""Lines that are shown while a command runs."""

SHOWN_OUTPUT = 200
"""Screen lines of an output that an open block shows, about."""


class LiveOutput:
    """What a running command prints."""

    def __init__(self) -> None:
        self._text = AnsiText(SHOWN_OUTPUT)

    @property
    def source(self) -> str:
        """The words kept."""
        return "\n".join(_words(line) for line in self._text.lines)

    def feed(self, text: str) -> None:
        """More output."""
        self._text.feed(text)

    def tail(self, width: int) -> list[Line]:
        """The last lines, each cut to one."""
        return [_cut(line, width) for line in _trimmed(self._text.lines)[-TAIL:]]

    def all_lines(self, width: int) -> list[Line]:
        """As much as is kept, and how much came before."""
        kept = self._text.lines
        before = self._text.total - len(kept)
        lines = [_said(f"… {format_count(before, 'line')} before these")] if before else []
        for line in kept:
            lines.extend(fold(_short(line, width), width))
        return lines


def output_lines(text: str, width: int, most: int = SHOWN_OUTPUT) -> list[Line]:
    """The beginning of a finished output, and how many lines more there are."""
    parsed = _trimmed(parse_output(text))
    lines: list[Line] = []
    for number, line in enumerate(parsed):
        if len(lines) >= most:
            lines = lines[:most]
            lines.append(_said(f"… {format_count(len(parsed) - number, 'more line')}"))
            break
        lines.extend(fold(_short(line, width), width))
    return lines


def output_ends(text: str, width: int, most: int) -> list[Line]:
    """The last `most` lines of a finished output, each cut to one, and how many lines are before them."""
    parsed = _trimmed(parse_output(text))
    lines = [_cut(line, width) for line in parsed[-most:]]
    before = len(parsed) - len(lines)
    return [_said(f"… {format_count(before, 'line')} before these"), *lines] if before else lines


def _trimmed(lines: Sequence[SpanLine]) -> list[SpanLine]:
    """Without the blank lines at both ends."""
    first, end = 0, len(lines)
    while first < end and not _words(lines[first]):
        first += 1
    while end > first and not _words(lines[end - 1]):
        end -= 1
    return list(lines[first:end])


def _words(line: SpanLine) -> str:
    return "".join(span.text for span in line).rstrip(" ")


def _short(line: SpanLine, width: int) -> SpanLine:
    """A line that takes no more rows than are shown."""
    room = SHOWN_OUTPUT * width
    kept: list[Span] = []
    for span in line:
        kept.append(span.with_text(span.text[:room]))
        room -= len(span.text)
        if room <= 0:
            break
    return tuple(kept)


def _cut(line: SpanLine, width: int) -> Line:
    return Line(clipped(line, width)) if line else EMPTY


def _said(words: str) -> Line:
    return Line((Span(words, Style.DIM),))
