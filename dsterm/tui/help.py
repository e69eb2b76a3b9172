"""Keys and commands on one page, read from the registries."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from dsterm.render.clean import clean_line
from dsterm.tui.conversation import Command
from dsterm.tui.keys import ACTIONS, COMPOSER_KEYS, Action, key_labels

_KEY_CELLS = 26


def help_text(commands: Sequence[Command]) -> Content:
    """The whole page."""
    lines = [_heading("writing"), *(_row(keys, words) for keys, words in COMPOSER_KEYS)]
    with_keys = [action for action in ACTIONS if action.keys or action.leader]
    for group, actions in groupby(with_keys, key=lambda action: action.group):
        lines += [Content(""), _heading(group), *(_action_row(action) for action in actions)]
    lines += [Content(""), _heading("commands")]
    lines += [_row(" ".join((command.usage or command.name, *command.aliases)), command.help) for command in commands]
    return Content("\n").join(lines)


def _action_row(action: Action) -> Content:
    return _row(key_labels(action), f"{action.help}  {action.slash}".strip())


def _heading(words: str) -> Content:
    return Content.styled(words, "bold $accent")


def _row(keys: str, words: str) -> Content:
    left = clean_line(keys)
    gap = "\n" + " " * (_KEY_CELLS + 2) if len(left) > _KEY_CELLS else " " * (_KEY_CELLS - len(left))
    return Content.assemble("  ", Content.styled(left, "$foreground"), gap, Content.styled(clean_line(words), "$dim"))


class HelpScreen(ModalScreen[None], inherit_bindings=False):
    """Scrolls with the usual keys, closes on Esc, q or F1."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,f1,question_mark,ctrl+c", "close", show=False)]

    def __init__(self, commands: Sequence[Command]) -> None:
        super().__init__()
        self._commands = commands

    def compose(self) -> ComposeResult:
        """The page in a frame that scrolls."""
        with VerticalScroll(classes="modal wide"):
            yield Static(help_text(self._commands))

    def on_mount(self) -> None:
        """Keys scroll at once."""
        self.query_one(VerticalScroll).focus()

    def action_close(self) -> None:
        """Back to the conversation."""
        self.dismiss()
