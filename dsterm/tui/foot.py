"""The two lines at the bottom: hints, and the status."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from textual.geometry import Region
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from dsterm.core.events import NoticeLevel
from dsterm.core.status import Status
from dsterm.render.status import status_line
from dsterm.render.style import EMPTY, Line
from dsterm.tui.hints import Hints, hint_line
from dsterm.tui.paint import Painter

_SAID_SECONDS = 6.0


class Foot(Widget, can_focus=False):
    """Draws both lines from what `read` gives, and only those that differ; never a layout."""

    def __init__(self, painter: Painter, read: Callable[[], tuple[Status, Hints]]) -> None:
        super().__init__()
        self._painter = painter
        self._read = read
        self._lines: list[Line] = [EMPTY, EMPTY]
        self._said = ("", NoticeLevel.INFO)
        self._timer: Timer | None = None
        self._ticks = 0

    def draw(self) -> None:
        """Read anew and show what differs."""
        status, hints = self._read()
        text, level = self._said
        hints = msgspec.structs.replace(hints, said=text, level=level, tick=self._ticks)
        width = self.size.width or self.app.size.width
        for place, line in enumerate((hint_line(hints, width), status_line(status, width))):
            if line != self._lines[place]:
                self._lines[place] = line
                self.refresh(Region(0, place, width, 1))

    def tick(self) -> None:
        """A quarter of a second passed: the wheel turns."""
        self._ticks += 1
        self.draw()

    def say(self, text: str, level: NoticeLevel) -> None:
        """Show one sentence for some seconds in place of the hints."""
        self._said = (text, level)
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_SAID_SECONDS, self.unsay) if text else None
        self.draw()

    def unsay(self) -> None:
        """Show the hints again."""
        self.say("", NoticeLevel.INFO)

    def on_resize(self) -> None:
        """Both lines depend on the width."""
        self.draw()

    def render_line(self, y: int) -> Strip:
        """Textual asks for a line."""
        return self._painter.strip(self._lines[y] if y < len(self._lines) else EMPTY, self.size.width)
