"""Keys and commands on one page, read from the registries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from dsterm.render.clean import clean_line
from dsterm.render.wrap import wrap_text
from dsterm.tui.conversation import Command
from dsterm.tui.keys import ACTIONS, COMPOSER_KEYS, key_labels

_KEY_CELLS = 30
_NARROWEST = 20


def help_text(commands: Sequence[Command], width: int) -> Content:
    """The whole page, in `width` cells."""
    lines = [_heading("writing")]
    for keys, words in COMPOSER_KEYS:
        lines += _rows(keys, words, width)
    with_keys = [action for action in ACTIONS if action.keys or action.leader]
    for group, actions in groupby(with_keys, key=lambda action: action.group):
        lines += [Content(""), _heading(group)]
        for action in actions:
            lines += _rows(key_labels(action), f"{action.help}  {action.slash}".strip(), width)
    lines += [Content(""), _heading("commands")]
    for command in commands:
        lines += _rows(" ".join((command.usage or command.name, *command.aliases)), command.help, width)
    return Content("\n").join(lines)


def _heading(words: str) -> Content:
    return Content.styled(words, "bold $accent")


def _rows(keys: str, words: str, width: int) -> Iterator[Content]:
    """Keys at the left, words beside them; below them where the keys are long."""
    left = "  " + clean_line(keys)
    wrapped = [line.text for line in wrap_text(clean_line(words), max(width - _KEY_CELLS, _NARROWEST))]
    if len(left) >= _KEY_CELLS:
        yield Content(left)
        left = ""
    for text in wrapped:
        yield Content.assemble(left.ljust(_KEY_CELLS), Content.styled(text, "$dim"))
        left = ""


class HelpScreen(ModalScreen[None], inherit_bindings=False):
    """Scrolls with the usual keys, closes on Esc, q or F1."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,f1,question_mark,ctrl+c", "close", show=False)]

    def __init__(self, commands: Sequence[Command]) -> None:
        super().__init__()
        self._commands = commands
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
        self._page.update(help_text(self._commands, min(86, int(event.size.width * 0.96)) - frame.gutter.width - 1))

    def action_close(self) -> None:
        """Back to the conversation."""
        self.dismiss()
