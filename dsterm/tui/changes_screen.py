"""/diff: everything that this session changed, by turn or by file, over the whole screen."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from dsterm.render.diff import diff_lines
from dsterm.render.session_changes import TurnChanges, lines_by_file, lines_by_turn
from dsterm.render.split import split_lines
from dsterm.render.style import Line
from dsterm.tui.lines_view import LinesView
from dsterm.tui.paint import Painter

_CLOSING = frozenset({"escape", "q", "ctrl+c"})


class ChangesScreen(ModalScreen[None], inherit_bindings=False):
    """`b` changes between turns and files, `t` between unified and split; it scrolls with the usual keys."""

    def __init__(self, painter: Painter, turns: Sequence[TurnChanges]) -> None:
        super().__init__()
        self._turns = turns
        self._view = LinesView(painter)
        self._foot = Static(classes="changes-foot", markup=False)
        self._is_by_file = False
        self._is_split = False

    def compose(self) -> ComposeResult:
        """The changes, and the keys."""
        with Vertical(classes="changes"):
            yield self._view
            yield self._foot

    def on_mount(self) -> None:
        """Show them by turn."""
        self._view.fill(is_filling=True)
        self._show()

    def _show(self) -> None:
        self._view.set_source(self._lines)
        keys = (
            ("b", "by turn" if self._is_by_file else "by file"),
            ("t", "unified" if self._is_split else "split"),
            ("PgUp PgDn", "scroll"),
            ("Esc", "closes"),
        )
        parts = [(Content.styled(key, "bold $accent"), Content.styled(f" {words}   ", "$dim")) for key, words in keys]
        self._foot.update(Content.assemble(" ", *(piece for part in parts for piece in part)))

    def _lines(self, width: int) -> list[Line]:
        draw = split_lines if self._is_split else diff_lines
        return (lines_by_file if self._is_by_file else lines_by_turn)(self._turns, width, draw)

    def on_key(self, event: events.Key) -> None:
        """Keys of this page."""
        if event.key in _CLOSING:
            self.dismiss()
        elif event.key == "b":
            self._is_by_file = not self._is_by_file
            self._show()
        elif event.key == "t":
            self._is_split = not self._is_split
            self._show()
        elif not self._view.take_key(event.key):
            return
        event.stop()
        event.prevent_default()
