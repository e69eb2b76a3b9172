"""Styled lines to Textual strips, in the colours of the moment."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from operator import itemgetter

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style as Look
from textual.cache import LRUCache
from textual.strip import Strip

from dsterm.render.style import Line, Span, Style

_KEPT = 2048

Looks = Mapping[Style, Look]
"""The colours of every role, each with its background; a theme makes one."""


class Painter:
    """Draws lines; all views share one, so that a change of theme reaches them together. `revision` counts those changes."""

    def __init__(self, looks: Looks) -> None:
        self._looks = looks
        self._cache: dict[tuple[Style, bool, bool, bool, bool, bool, Style | None], Look] = {}
        self.revision = 0

    def use(self, looks: Looks) -> None:
        """Draw in other colours from now on."""
        self._looks = looks
        self._cache.clear()
        self.revision += 1

    def strip(self, line: Line, width: int) -> Strip:
        """`line` in exactly `width` cells."""
        pieces = [(span.text, self._look(span, line.fill)) for span in line.spans]
        used = sum(len(text) if text.isascii() else cell_len(text) for text, _ in pieces)
        if used < width:
            pieces.append((" " * (width - used), self._looks[line.fill or Style.TEXT]))
        # Neighbours of one look become one segment: each costs the terminal a colour sequence.
        segments = [
            Segment("".join([text for text, _ in same]), look) for look, same in groupby(pieces, key=itemgetter(1))
        ]
        strip = Strip(segments, max(used, width))
        return strip.crop(0, width) if used > width else strip

    def blank(self, width: int) -> Strip:
        """An empty line."""
        return Strip.blank(width, self._looks[Style.TEXT])

    def _look(self, span: Span, fill: Style | None) -> Look:
        key = (span.style, span.bold, span.italic, span.underline, span.strike, span.reverse, fill)
        look = self._cache.get(key)
        if look is None:
            look = self._looks[span.style]
            if fill is not None and look.bgcolor == self._looks[Style.TEXT].bgcolor:
                look += Look(bgcolor=self._looks[fill].bgcolor)
            look += Look(
                bold=span.bold or None,
                italic=span.italic or None,
                underline=span.underline or None,
                strike=span.strike or None,
                reverse=span.reverse or None,
            )
            self._cache[key] = look
        return look


class StripCache:
    """Strips of lines by where they stand: made anew only where the line, the width or the colours differ. `made` counts."""

    def __init__(self, painter: Painter) -> None:
        self._painter = painter
        self._strips: LRUCache[tuple[int, int], tuple[Line, int, int, Strip]] = LRUCache(_KEPT)
        self.made = 0

    def find(self, key: tuple[int, int], line: Line, width: int) -> Strip | None:
        """The strip made before for exactly this."""
        known = self._strips.get(key)
        if known is None or known[0] != line or known[1:3] != (width, self._painter.revision):
            return None
        return known[3]

    def strip(self, key: tuple[int, int], line: Line, width: int) -> Strip:
        """The strip for `line` at `key`."""
        strip = self.find(key, line, width)
        if strip is None:
            strip = self._painter.strip(line, width)
            self._strips[key] = (line, width, self._painter.revision, strip)
            self.made += 1
        return strip

    def clear(self) -> None:
        """Forget all of them."""
        self._strips.clear()
