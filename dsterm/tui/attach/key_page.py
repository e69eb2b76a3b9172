"""The keys of the attach screen on one page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from dsterm.render.wrap import wrap_text
from dsterm.tui.attach.page_lines import KEYS

_KEY_CELLS = 14
_NARROWEST = 16


def key_rows(width: int) -> Iterator[Content]:
    """What each key does, in `width` cells."""
    for keys, words in KEYS:
        left = keys
        for line in wrap_text(words, max(width - _KEY_CELLS, _NARROWEST)):
            yield Content.assemble(
                Content.styled(left.ljust(_KEY_CELLS), "bold $accent"), Content.styled(line.text, "$dim")
            )
            left = ""


class KeyPage(ModalScreen[None], inherit_bindings=False):
    """Scrolls with the usual keys, closes on Esc, q, ? or Enter."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark,enter,ctrl+c", "close", show=False)]

    def __init__(self) -> None:
        super().__init__()
        self._page = Static()

    def compose(self) -> ComposeResult:
        """The page in a frame that scrolls."""
        with VerticalScroll(classes="modal wide"):
            yield self._page

    def on_mount(self) -> None:
        """Keys scroll at once."""
        self.query_one(VerticalScroll).focus()

    def on_resize(self, event: events.Resize) -> None:
        """The page is set for its width."""
        frame = self.query_one(VerticalScroll)
        rows = key_rows(min(86, int(event.size.width * 0.96)) - frame.gutter.width - 1)
        self._page.update(Content("\n").join([Content.styled("attach", "bold $accent"), Content(""), *rows]))

    def action_close(self) -> None:
        """Back to the tree."""
        self.dismiss()
