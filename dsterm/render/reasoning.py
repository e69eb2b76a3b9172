"""The block of a reasoning trace: live with its last lines, then one line that says what it took."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec

from dsterm.core.config import ReasoningFold
from dsterm.core.models import Price
from dsterm.render.blocks import Block, BlockKind
from dsterm.render.flow import Flow
from dsterm.render.style import Line, Span, Style, clipped, indented
from dsterm.render.wording import format_money, format_seconds

SHOWN = 6
"""Lines that are shown while the trace streams."""

_MILLION = Decimal(1_000_000)
_LOOK = Span("", Style.REASONING, italic=True)
_BAR = (Span(" │ ", Style.REASONING),)


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How a trace is counted and shown: its model and mode in words, the price, the token counter, when it folds."""

    title: str
    mode: str
    price: Price | None
    count: Callable[[str], int]
    fold: ReasoningFold


class Toll(msgspec.Struct, frozen=True, kw_only=True):
    """What a trace took: seconds, tokens, the price of a token; `is_estimate` where the server didn't count them."""

    seconds: float
    tokens: int
    price: Price | None
    is_estimate: bool

    @property
    def words(self) -> str:
        """`11 s · 1,482 tok · $0.0047`."""
        dollars = None if self.price is None else self.tokens * self.price.output / _MILLION
        money = "cost unknown" if dollars is None else format_money(dollars, is_estimate=self.is_estimate)
        # A running header counts full seconds; a trace that took less than one is still not "0 s".
        seconds = format_seconds(self.seconds, is_whole=self.is_estimate or self.seconds >= 1)
        return f"{seconds} · {self.tokens:,} tok · {money}"


class ReasoningBlock(Block):
    """A trace: open with a running header while it streams, folded to one line when it is over."""

    kind = BlockKind.REASONING
    is_foldable = True

    def __init__(self, key: int, changes: set[int], terms: Terms, started: float) -> None:
        super().__init__(key, changes)
        self._terms = terms
        self._flow = Flow(_LOOK)
        self._started = started
        self._second = -1
        self._tokens = 0
        self._uncounted: list[str] = []
        self._toll: Toll | None = None
        self._choice: bool | None = None

    @property
    def source(self) -> str:
        """The trace."""
        return self._flow.source

    @property
    def is_live(self) -> bool:
        """Whether the trace still streams."""
        return self._toll is None

    @property
    def is_folded(self) -> bool:
        """Whether less than the whole trace is shown."""
        if self._choice is not None:
            return not self._choice
        return self.is_live or self._terms.fold is not ReasoningFold.NEVER

    def toggle(self) -> None:
        """Show the whole trace, or fold it."""
        self.set_folded(is_folded=not self.is_folded)

    def set_folded(self, *, is_folded: bool) -> None:
        """Fold or unfold; holds from here on, whatever the setting says."""
        if self._choice is not (not is_folded):
            self._choice = not is_folded
            self.touch()

    def feed(self, text: str) -> None:
        """More of the trace."""
        self._flow.feed(text)
        self._uncounted.append(text)
        self.touch()

    def set_price(self, price: Price | None) -> None:
        """The price that the running estimate goes by."""
        self._terms = msgspec.structs.replace(self._terms, price=price)
        self.touch()

    def tick(self, now: float) -> None:
        """Draw again when another second is full."""
        if self.is_live and int(now - self._started) != self._second:
            self.touch()

    def stop(self, now: float) -> None:
        """The trace is over; what it took is an estimate until `settle`."""
        if self.is_live:
            tokens = self._terms.count(self._flow.raw)
            seconds = max(now - self._started, 0.0)
            self.settle(Toll(seconds=seconds, tokens=tokens, price=self._terms.price, is_estimate=True))

    def finish(self, text: str, now: float) -> None:
        """The trace is complete, and it is `text`."""
        if self._flow.raw != text:
            self._flow = Flow(_LOOK)
            self._flow.feed(text)
            self.touch()
        self.stop(now)

    def settle(self, toll: Toll) -> None:
        """What the trace took; `tokens` 0 keeps the estimate."""
        if toll.tokens == 0:
            tokens = self._toll.tokens if self._toll else self._terms.count(self._flow.raw)
            toll = msgspec.structs.replace(toll, tokens=tokens, is_estimate=True)
        if self._toll is None:
            # Wrapped once more as a whole, so that a live trace ends exactly as a replayed one.
            text = self._flow.raw
            self._flow = Flow(_LOOK)
            self._flow.feed(text)
        self._toll = toll
        self._uncounted.clear()
        self.touch()

    def draw(self, width: int, now: float) -> list[Line]:
        """The header, and as much of the trace as is to be seen."""
        inner = max(width - 6, 8)
        header = Line(clipped((Span(f" {self._header(now)}", Style.DIM),), width))
        if not self.is_folded:
            return [header, *indented(self._flow.lines(inner), _BAR, _BAR)]
        if not self.is_live or self._terms.fold is ReasoningFold.ALWAYS:
            return [header]
        lines, has_more = self._flow.last_lines(SHOWN, inner)
        if has_more and lines:
            lines[0] = Line((_LOOK.with_text("… "), *lines[0].spans))
        return [header, *indented(lines, _BAR, _BAR)]

    def guess_height(self, width: int) -> int:
        """One line when folded, a few while live, else by the text."""
        if self.is_folded:
            return SHOWN + 1 if self.is_live else 1
        return super().guess_height(width) + 1

    def _header(self, now: float) -> str:
        arrow = "▸" if self.is_folded and (not self.is_live or self._terms.fold is ReasoningFold.ALWAYS) else "▾"
        if self._toll is not None:
            return f"{arrow} thought for {self._toll.words}"
        second = max(int(now - self._started), 0)
        if second != self._second:
            # Figures change once a second, not with every frame.
            self._second = second
            self._tokens += self._terms.count("".join(self._uncounted))
            self._uncounted.clear()
        toll = Toll(seconds=second, tokens=self._tokens, price=self._terms.price, is_estimate=True)
        return " · ".join([f"{arrow} thinking", *filter(None, (self._terms.title, self._terms.mode)), toll.words])
