"""Plain text that grows: wrapped by words, only its last line again when more comes."""

from __future__ import annotations

from dsterm.render.clean import StreamCleaner, clean
from dsterm.render.style import EMPTY, Line, Span
from dsterm.render.width import word_breaks


class Flow:
    """Growing text in one look, with its lines at the width last asked for."""

    def __init__(self, look: Span) -> None:
        self._look = look
        self._raw: list[str] = []
        self._pending: list[str] = []
        self._cleaner = StreamCleaner()
        self._width = 0
        self._done: list[Line] = []
        self._tail = ""

    @property
    def raw(self) -> str:
        """The text as it came."""
        if len(self._raw) > 1:
            self._raw = ["".join(self._raw)]
        return self._raw[0] if self._raw else ""

    @property
    def source(self) -> str:
        """The text, cleaned, for copying."""
        return clean(self.raw).strip()

    def feed(self, text: str) -> None:
        """Add text; nothing is wrapped before it is asked for."""
        self._raw.append(text)
        self._pending.append(text)

    def last_lines(self, count: int, width: int) -> tuple[list[Line], bool]:
        """The last `count` lines at `width`, and whether there are more before them."""
        last = self._wrap(width)
        lines = [*self._done[-count:], *last]
        return lines[-count:], len(self._done) + len(last) > count

    def lines(self, width: int) -> list[Line]:
        """All lines at `width`."""
        last = self._wrap(width)
        return [*self._done, *last]

    def _wrap(self, width: int) -> list[Line]:
        """Wrap what is new; returns the line that still grows."""
        fresh = self._cleaner.feed("".join(self._pending))
        self._pending.clear()
        if width != self._width:
            self._width, self._done, self._tail = width, [], ""
            self._cleaner = StreamCleaner()
            fresh = self._cleaner.feed(self.raw).lstrip("\n")
        elif not self._done and not self._tail:
            fresh = fresh.lstrip("\n")
        *whole, tail = (self._tail + fresh.replace("\t", "    ")).split("\n")
        for part in whole:
            self._done.extend(self._line(part[start:end]) for start, end in word_breaks(part.rstrip(" "), width))
        breaks = word_breaks(tail, width)
        self._done.extend(self._line(tail[start:end]) for start, end in breaks[:-1])
        self._tail = tail[breaks[-1][0] :]
        return [self._line(self._tail.rstrip(" "))] if self._tail.strip() else []

    def _line(self, text: str) -> Line:
        return Line((self._look.with_text(text),)) if text else EMPTY
