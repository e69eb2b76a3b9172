"""One row above the composer: what the draft brings beside its own words, with tokens and what these cost to send once."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from textual.content import Content
from textual.widget import Widget

from dsterm.render.clean import clean_line
from dsterm.render.width import cells, truncated
from dsterm.render.wording import format_money, format_tokens

_MILLION = Decimal(1_000_000)
_LONGEST = 40


class Chip(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that goes along: a mention or a large paste. `problem`: nothing of it does, or it is asked about first."""

    label: str
    tokens: int = 0
    problem: str = ""


class ChipRow(Widget, can_focus=False):
    """The row; hidden where nothing goes along."""

    def __init__(self) -> None:
        super().__init__()
        self.display = False
        self._chips: tuple[Chip, ...] = ()
        self._price: Decimal | None = None
        self._is_exact = True

    @property
    def chips(self) -> tuple[Chip, ...]:
        """What is shown."""
        return self._chips

    @property
    def tokens(self) -> int:
        """Tokens of all of them."""
        return sum(chip.tokens for chip in self._chips)

    def show_chips(self, chips: tuple[Chip, ...], price: Decimal | None) -> None:
        """Show these, at `price` US dollars for a million tokens that were not sent before (None: unknown)."""
        if (chips, price) == (self._chips, self._price):
            return
        self._chips, self._price = chips, price
        if self.display != bool(chips):
            self.display = bool(chips)
        self.refresh()

    def render(self) -> Content:
        """As many as fit; the others are counted."""
        room = self.size.width - 2
        parts: list[Content] = []
        for place, chip in enumerate(self._chips):
            name, facts = truncated(clean_line(chip.label), _LONGEST), self._facts(chip)
            left = len(self._chips) - place - 1
            rest = f"  +{left + 1} more"
            need = cells(name) + cells(facts) + 3
            if need > room - (len(rest) if left else 0) and (parts or need > room):
                parts.append(Content.styled(rest if parts else truncated(f"{name}{facts}", max(room, 1)), "$dim"))
                break
            room -= need
            look = "$warning" if chip.problem else "$accent"
            parts.append(Content.assemble(Content.styled(name, look), Content.styled(f"{facts}   ", "$dim")))
        return Content("").join(parts)

    def _facts(self, chip: Chip) -> str:
        if chip.problem:
            return f" {truncated(clean_line(chip.problem), 48)}"
        money = "" if self._price is None else f" {format_money(self._price * chip.tokens / _MILLION, is_fine=True)}"
        return f" {format_tokens(chip.tokens)} tok{money}"
