"""A list to choose from, over the screen: themes with a live preview, sessions to go on with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from dsterm.render.clean import clean_line
from dsterm.render.width import padded, truncated
from dsterm.render.wording import format_count
from dsterm.tui.conversation import RewindPoint, StoredSession

_TITLE_CELLS = 48


class Pick(msgspec.Struct, frozen=True):
    """One row: what comes back when it is chosen, its words, and a note beside them."""

    id: str
    label: str
    note: str = ""


class PickScreen(ModalScreen[str | None], inherit_bindings=False):
    """Enter dismisses with the id of the row, Esc with None; `preview` hears of every row the cursor reaches."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,ctrl+c", "close", show=False)]

    def __init__(
        self, title: str, rows: Sequence[Pick], chosen: str = "", preview: Callable[[str], None] | None = None
    ) -> None:
        super().__init__()
        self._title = title
        self._rows = rows
        self._chosen = chosen
        self._preview = preview

    def compose(self) -> ComposeResult:
        """The title and the rows."""
        width = max((len(row.label) for row in self._rows), default=0)
        options = [
            Option(
                Content.assemble(
                    padded(clean_line(row.label), width), Content.styled("  " + clean_line(row.note), "$dim")
                )
            )
            for row in self._rows
        ]
        with Vertical(classes="modal"):
            yield Static(Content(self._title), classes="modal-title")
            yield OptionList(*options)
            yield Static(Content("Enter chooses · Esc leaves it as it was"), classes="modal-foot")

    def on_mount(self) -> None:
        """Begin at what holds now."""
        rows = self.query_one(OptionList)
        rows.highlighted = next((place for place, row in enumerate(self._rows) if row.id == self._chosen), 0)
        rows.focus()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """The cursor reached a row."""
        event.stop()
        if self._preview is not None:
            self._preview(self._rows[event.option_index].id)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """A row was chosen."""
        event.stop()
        self.dismiss(self._rows[event.option_index].id)

    def action_close(self) -> None:
        """Nothing was chosen."""
        self.dismiss(None)


def session_rows(sessions: Sequence[StoredSession], now: datetime) -> list[Pick]:
    """A row for each stored session: when, what it began with, how long it was."""
    return [
        Pick(
            session.id,
            truncated(clean_line(session.title) or "(nothing asked)", _TITLE_CELLS),
            f"{_ago(now, session.at)} · {session.turns} turn{'s' if session.turns != 1 else ''}",
        )
        for session in sessions
    ]


def rewind_rows(points: Sequence[RewindPoint], now: datetime) -> list[Pick]:
    """A row for each prompt to go back to, the newest first: what it was, what its turn changed, when."""
    rows = []
    for point in reversed(points):
        changed = f"+{point.added} −{point.removed} in {format_count(point.files, 'file')} · " if point.files else ""
        title = truncated(clean_line(point.prompt).strip(), _TITLE_CELLS)
        rows.append(Pick(str(point.number), title, f"{changed}{_ago(now, point.at)}"))
    return rows


def _ago(now: datetime, at: datetime) -> str:
    minutes = max(0, int((now - at).total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} min ago"
    if minutes < 60 * 48:
        return f"{minutes // 60} h ago"
    return f"{minutes // (60 * 24)} days ago"
