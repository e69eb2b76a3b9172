"""Slash commands offered while they are written, in a list above the composer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from textual.content import Content
from textual.widget import Widget

from dsterm.render.clean import clean
from dsterm.tui.conversation import Command

_MOST_ROWS = 8
_LABEL_CELLS = 36
"""Labels up to this wide stand in a column; what a longer one does stands right behind it."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to take: the draft it would make, how it is shown, and whether that is a whole command."""

    draft: str
    label: str
    help: str
    is_whole: bool
    is_argument: bool = False


def candidates(draft: str, commands: Sequence[Command]) -> tuple[Candidate, ...]:
    """What could stand for `draft`: command names while there is one word, then the choices for its argument."""
    if not draft.startswith("/") or "\n" in draft:
        return ()
    name, space, argument = draft.partition(" ")
    if not space:
        return tuple(_named(command) for command in _matching(name, commands))
    command = next((found for found in commands if name in (found.name, *found.aliases)), None)
    if command is None or " " in argument:
        return ()
    return tuple(
        Candidate(draft=f"{name} {choice}", label=choice, help="", is_whole=True, is_argument=True)
        for choice in command.choices
        if choice.startswith(argument.lower()) and choice != argument
    )


def _matching(name: str, commands: Sequence[Command]) -> list[Command]:
    """Commands whose name or alias begins with `name`, then those whose name has it inside."""
    begun = [found for found in commands if any(each.startswith(name) for each in (found.name, *found.aliases))]
    inside = [found for found in commands if found not in begun and len(name) > 2 and name[1:] in found.name]
    return begun + inside


def _named(command: Command) -> Candidate:
    takes_more = command.usage.strip() != command.name and bool(command.usage.strip())
    return Candidate(
        draft=f"{command.name} " if takes_more else command.name,
        label=" ".join((command.usage.strip() or command.name, *command.aliases)),
        help=command.help,
        is_whole=not takes_more,
    )


class CompletionPopup(Widget, can_focus=False):
    """The list: `take_key` handles keys while it is open, `accepted` holds what was taken last."""

    def __init__(self, commands: Callable[[], Sequence[Command]]) -> None:
        super().__init__()
        self.display = False
        self.accepted: tuple[str, bool] | None = None
        self._commands = commands
        self._found: tuple[Candidate, ...] = ()
        self._chosen: int | None = None
        self._closed_at: str | None = None
        self._shown_for = ""
        self._is_exact = False

    @property
    def is_open(self) -> bool:
        """Whether there is something to choose."""
        return bool(self._found)

    def show_for(self, draft: str) -> None:
        """Offer what fits `draft`, unless the user closed the list for this very draft."""
        self._shown_for = draft
        if draft == self._closed_at:
            return
        self._closed_at = None
        # Asked for with the first slash only: the engine loads a good deal for them.
        commands = self._commands() if draft.startswith("/") else ()
        self._found = found = candidates(draft, commands)
        self._is_exact = any(draft in (command.name, *command.aliases) for command in commands)
        untouched_argument = bool(found) and found[0].is_argument and draft.endswith(" ")
        self._chosen = None if untouched_argument else 0
        self._show()

    def close(self) -> None:
        """Offer nothing until something else is written."""
        self._found = ()
        self._closed_at = None
        self._show()

    def take_key(self, key: str, draft: str) -> bool:
        """Whether the list used `key`; `accepted` is set when that took a candidate."""
        self.accepted = None
        if draft != self._shown_for and key in {"tab", "enter"}:
            # Fast fingers: the list still stands for an earlier draft.
            self.show_for(draft)
        if not self._found:
            return False
        match key:
            case "up" | "down":
                self._move(-1 if key == "up" else 1)
            case "enter" if self._is_exact:
                return False
            case "tab" | "enter" if self._chosen is not None:
                taken = self._found[self._chosen]
                self.accepted = (taken.draft, taken.is_whole)
                self.close()
            case "tab":
                self._move(1)
            case _:
                return False
        return True

    def dismiss_for(self, draft: str) -> None:
        """Esc: close, and stay closed while `draft` stays the same."""
        self.close()
        self._closed_at = draft

    def _move(self, step: int) -> None:
        if self._chosen is None:
            self._chosen = 0 if step > 0 else len(self._found) - 1
        else:
            self._chosen = (self._chosen + step) % len(self._found)
        self.refresh()

    def _show(self) -> None:
        rows = min(len(self._found), _MOST_ROWS)
        if self.display != bool(rows):
            self.display = bool(rows)
        if rows:
            self.styles.height = rows
        self.refresh()

    def render(self) -> Content:
        """The rows around the chosen one."""
        first = max(0, min((self._chosen or 0) - _MOST_ROWS + 1, len(self._found) - _MOST_ROWS))
        shown = self._found[first : first + _MOST_ROWS]
        width = min(max((len(each.label) for each in shown), default=0), _LABEL_CELLS)
        rows = [self._row(each, width, is_chosen=first + place == self._chosen) for place, each in enumerate(shown)]
        return Content("\n").join(rows)

    @staticmethod
    def _row(candidate: Candidate, width: int, *, is_chosen: bool) -> Content:
        mark = Content.styled("▸ " if is_chosen else "  ", "$accent")
        label = Content.styled(clean(candidate.label).ljust(width), "$accent" if is_chosen else "$foreground")
        return Content.assemble(mark, label, Content.styled("  " + clean(candidate.help), "$dim"))
