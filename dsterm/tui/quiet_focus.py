"""Gives a widget the focus once no key was pressed for a quarter of a second, so that a word being typed never answers it."""

from __future__ import annotations

from collections.abc import Callable

from textual.timer import Timer
from textual.widget import Widget

_QUIET_SECONDS = 0.25


class QuietFocus:
    """Waits for quiet on behalf of `widget`, which takes the focus then if it `is_wanted`."""

    def __init__(self, widget: Widget, seconds_since_key: Callable[[], float], is_wanted: Callable[[], bool]) -> None:
        self._widget = widget
        self._seconds_since_key = seconds_since_key
        self._is_wanted = is_wanted
        self._timer: Timer | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether there was no quiet yet."""
        return self._timer is not None

    def begin(self) -> None:
        """Wait from now on."""
        self._wait(_QUIET_SECONDS)

    def stop(self) -> None:
        """Wait no longer."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _wait(self, seconds: float) -> None:
        self.stop()
        self._timer = self._widget.set_timer(seconds, self._take)

    def _take(self) -> None:
        self._timer = None
        if not self._is_wanted():
            return
        quiet = self._seconds_since_key()
        if quiet >= _QUIET_SECONDS:
            self._widget.focus()
        else:
            self._wait(_QUIET_SECONDS - quiet)
