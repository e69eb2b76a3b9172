"""A scrolling widget for styled lines, as those of a change or a command under question."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from dsterm.render.style import Line
from dsterm.tui.paint import Painter

LineSource = Callable[[int], list[Line]]
"""The lines for a width in cells."""

SHARE = 0.4
"""The part of the screen that it takes at most."""


class LinesView(ScrollView, can_focus=False):
    """As high as its lines, up to two fifths of the screen or `most` rows, or all the room there is; then it scrolls.

    `moved` hears when other lines are in sight.
    """

    def __init__(self, painter: Painter, moved: Callable[[], None] | None = None) -> None:
        super().__init__()
        self._painter = painter
        self._source: LineSource = lambda _width: []
        self._lines: list[Line] = []
        self._is_filling = False
        self._moved = moved
        self._most: int | None = None

    @property
    def in_sight(self) -> tuple[int, int, int]:
        """The numbers of the first and the last line in sight, counted from 1, and of all lines."""
        first = round(self.scroll_y)
        return first + 1, min(first + self._rows(), len(self._lines)), len(self._lines)

    def fill(self, *, is_filling: bool) -> None:
        """Take all the room there is, or no more than the lines need."""
        self._is_filling = is_filling
        self._lay_out()

    def set_most(self, rows: int) -> None:
        """Take no more than `rows`."""
        if rows != self._most:
            self._most = rows
            self._lay_out()

    def set_source(self, source: LineSource) -> None:
        """Show other lines, from the top."""
        self._source = source
        self._lay_out()
        self.scroll_to(y=0, animate=False)

    def on_resize(self, _event: events.Resize) -> None:
        """Lines depend on the width."""
        self._lay_out()

    def on_show(self) -> None:
        """The width is known only now."""
        self._lay_out()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Other lines are in sight."""
        super().watch_scroll_y(old_value, new_value)
        if self._moved is not None and round(old_value) != round(new_value):
            self._moved()

    def _rows(self) -> int:
        if self._is_filling:
            return self.size.height
        share = max(1, int(self.app.size.height * SHARE))
        return max(1, min(len(self._lines), share, share if self._most is None else self._most))

    def _lay_out(self) -> None:
        width = self.scrollable_content_region.width or self.app.size.width - 2
        self._lines = self._source(width)
        self.styles.height = "1fr" if self._is_filling else self._rows()
        self.virtual_size = Size(width, len(self._lines))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Textual asks for line `y` of what is visible."""
        place = y + self.scroll_offset.y
        if place < len(self._lines):
            return self._painter.strip(self._lines[place], self.size.width)
        return self._painter.blank(self.size.width)

    def take_key(self, key: str) -> bool:
        """Scroll, if `key` means that."""
        page = max(1, self.size.height - 1)
        steps = {
            "pageup": -page,
            "pagedown": page,
            "up": -1,
            "down": 1,
            "home": -len(self._lines),
            "end": len(self._lines),
        }
        if key not in steps:
            return False
        self.scroll_relative(y=steps[key], animate=False)
        return True
