"""The tree on the screen: one widget that draws the rows in sight from cached strips, however many rows there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from dsterm.core.attachments import LeftOut
from dsterm.tui.attach.folders import Folder
from dsterm.tui.attach.row_lines import Scale, box_cell, row_line
from dsterm.tui.attach.rows import Row, Rows
from dsterm.tui.paint import Painter, StripCache

_CURSOR = "tree-view--cursor"


class TreeView(ScrollView, can_focus=True, inherit_bindings=False):
    """Shows `rows` and the cursor; the screen tells it when something changed. `drawn` counts the rows it was asked for."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {_CURSOR}
    DEFAULT_CSS = """
    TreeView {
        height: 1fr; overflow-x: hidden; overflow-y: auto; background: $background;
        scrollbar-size-vertical: 1; scrollbar-color: $faint; scrollbar-color-hover: $dim; scrollbar-color-active: $dim;
        scrollbar-background: $background; scrollbar-background-hover: $background; scrollbar-background-active: $background;
    }
    TreeView > .tree-view--cursor { background: $selection; }
    """

    class Moved(Message):
        """The cursor is at another row."""

    class Clicked(Message):
        """A row was clicked: at its arrow, at its box, or at its name."""

        def __init__(self, row: Row, *, is_box: bool) -> None:
            super().__init__()
            self.row = row
            self.is_box = is_box

    def __init__(self, painter: Painter, read_scale: Callable[[], Scale]) -> None:
        super().__init__()
        self._painter = painter
        self._read_scale = read_scale
        self._scale = Scale(1, ())
        self._strips = StripCache(painter)
        self._rows: Rows | None = None
        self._stamp = (0, 0)
        self.cursor = 0
        self.drawn = 0

    @property
    def here(self) -> Row | None:
        """The row at the cursor."""
        return self._rows.rows[self.cursor] if self._rows is not None and self.cursor < len(self._rows.rows) else None

    @property
    def target(self) -> Folder | int | None:
        """What can be ticked at the cursor."""
        here = self.here
        return None if here is None or isinstance(here.target, LeftOut) else here.target

    def show(self, rows: Rows | None) -> None:
        """Show these rows, which may be other ones than before."""
        self._rows = rows
        self._scale = self._read_scale()
        count = len(rows.rows) if rows is not None else 0
        self.cursor = max(0, min(self.cursor, count - 1))
        self.virtual_size = Size(self.scrollable_content_region.width, count)
        self._keep_in_sight()
        self.refresh()

    def move_to(self, place: int) -> None:
        """Put the cursor at row `place`, or as near as there is one."""
        count = len(self._rows.rows) if self._rows is not None else 0
        place = max(0, min(place, count - 1))
        if place != self.cursor:
            before, self.cursor = self.cursor, place
            top = self.scroll_offset.y
            self.refresh_lines(before - top)
            self.refresh_lines(place - top)
            self._keep_in_sight()
            self.post_message(self.Moved())

    def take_key(self, key: str) -> bool:
        """Move, if `key` means that."""
        page = max(1, self.size.height - 1)
        match key:
            case "up" | "k":
                self.move_to(self.cursor - 1)
            case "down" | "j":
                self.move_to(self.cursor + 1)
            case "pageup":
                self.move_to(self.cursor - page)
            case "pagedown":
                self.move_to(self.cursor + page)
            case "home":
                self.move_to(0)
            case "end":
                self.move_to(self.virtual_size.height - 1)
            case _:
                return False
        return True

    def on_resize(self, _event: events.Resize) -> None:
        """Rows depend on the width."""
        self.show(self._rows)

    def on_click(self, event: events.Click) -> None:
        """The cursor goes there; what the click means is the screen's."""
        place = event.y + self.scroll_offset.y
        if self._rows is None or place >= len(self._rows.rows):
            return
        event.stop()
        row = self._rows.rows[place]
        self.move_to(place)
        box = box_cell(row)
        is_file = isinstance(row.target, int)
        self.post_message(self.Clicked(row, is_box=is_file or box <= event.x < box + 3))

    def _keep_in_sight(self) -> None:
        top, rows = self.scroll_offset.y, max(1, self.size.height)
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, immediate=True)
        elif self.cursor >= top + rows:
            self.scroll_to(y=self.cursor - rows + 1, animate=False, immediate=True)

    def render_line(self, y: int) -> Strip:
        """Textual asks for line `y` of what is visible."""
        place, width = y + self.scroll_offset.y, self.size.width
        if self._rows is None or place >= len(self._rows.rows):
            return self._painter.blank(width)
        self.drawn += 1
        is_cursor = place == self.cursor
        line = row_line(self._rows.tree, self._rows.rows[place], self._scale, width, is_cursor=is_cursor)
        strip = self._strips.strip((place, 0), line, width)
        if not is_cursor:
            return strip
        look = self.get_component_rich_style(_CURSOR, partial=True)
        return Strip(Segment.apply_style(strip, post_style=look), strip.cell_length)
