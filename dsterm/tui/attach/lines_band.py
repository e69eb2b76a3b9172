"""A few lines above or below the tree."""

from __future__ import annotations

from collections.abc import Callable

from textual.strip import Strip
from textual.widget import Widget

from dsterm.render.style import EMPTY, Line
from dsterm.tui.paint import Painter


class LinesBand(Widget, can_focus=False):
    """Draws the lines that `read` gives for a width; `rows` of them."""

    def __init__(self, painter: Painter, read: Callable[[int], list[Line]], rows: int) -> None:
        super().__init__()
        self._painter = painter
        self._read = read
        self._lines: list[Line] = []
        self.styles.height = rows

    def draw(self) -> None:
        """Read anew."""
        lines = self._read(self.size.width or self.app.size.width)
        if lines != self._lines:
            self._lines = lines
            self.refresh()

    def on_resize(self) -> None:
        """The lines depend on the width."""
        self.draw()

    def render_line(self, y: int) -> Strip:
        """Textual asks for a line."""
        return self._painter.strip(self._lines[y] if y < len(self._lines) else EMPTY, self.size.width)
