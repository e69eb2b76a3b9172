"""Tells a pressed letter from the first one of a paste that the terminal did not mark, which comes as a burst of keys."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.timer import Timer
from textual.widget import Widget

ENTER = "\n"
"""How Enter is held: in a burst it ends a pasted line."""

_BURST_SECONDS = 0.05


def written(event: events.Key, *, takes_enter: bool) -> str:
    """What the key writes in a paste; empty for keys that no paste has, and for Enter unless `takes_enter`."""
    if event.key == "enter":
        return ENTER if takes_enter else ""
    is_letter = event.is_printable and event.character and "+" not in event.key.rstrip("+")
    return event.character or "" if is_letter else ""


class LetterHold:
    """Keeps a letter for a moment; `act` gets it when no other follows."""

    def __init__(self, widget: Widget, act: Callable[[str], None]) -> None:
        self._widget = widget
        self._act = act
        self._letter = ""
        self._timer: Timer | None = None
        self._last = float("-inf")

    def put(self, letter: str, now: float, *, is_meant: bool) -> str:
        """Hold `letter`, pressed at `now` seconds, if it `is_meant` and stands alone; else it comes back, with a held one."""
        is_burst = now - self._last < _BURST_SECONDS
        self._last = now
        if is_burst or not is_meant:
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
