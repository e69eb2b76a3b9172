"""Tells a letter that was pressed from the first one of a paste that the terminal did not mark, which comes as a burst of keys."""

from __future__ import annotations

from collections.abc import Callable

from textual.timer import Timer
from textual.widget import Widget

_BURST_SECONDS = 0.05


class LetterHold:
    """Keeps a letter for a moment; `act` gets it when no other follows."""

    def __init__(self, widget: Widget, act: Callable[[str], None]) -> None:
        self._widget = widget
        self._act = act
        self._letter = ""
        self._timer: Timer | None = None

    def put(self, letter: str) -> str:
        """Hold `letter`; where one is held already it is no answer: both come back."""
        if self._letter:
            return self.take() + letter
        self._letter = letter
        self._timer = self._widget.set_timer(_BURST_SECONDS, lambda: self._act(self.take()))
        return ""

    def take(self) -> str:
        """The held letter, which is held no longer."""
        letter, self._letter = self._letter, ""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        return letter
