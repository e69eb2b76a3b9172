"""The keys of the attach screen on one page."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from dsterm.tui.attach.page_lines import KEYS

_KEY_CELLS = 14


class KeyPage(ModalScreen[None], inherit_bindings=False):
    """Any key closes it."""

    def compose(self) -> ComposeResult:
        """The page."""
        rows = [
            Content.assemble(Content.styled(keys.ljust(_KEY_CELLS), "bold $accent"), Content.styled(words, "$dim"))
            for keys, words in KEYS
        ]
        with Vertical(classes="modal"):
            yield Static(Content("attach"), classes="modal-title")
            yield Static(Content("\n").join(rows))

    def on_key(self, event: events.Key) -> None:
        """Back to the tree."""
        event.stop()
        event.prevent_default()
        self.dismiss()

    def on_click(self) -> None:
        """Back to the tree."""
        self.dismiss()
