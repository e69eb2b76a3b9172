"""Pieces of a running command's output for the screen: at once when it is quiet, a few times a second when it is not.

A screen can't use more than a reader sees, and whoever shows the pieces keeps them: a flood is thinned to its newest lines.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_PAUSE = 0.1
_BURST = 64_000
_LONGEST_LINE = 2_000
_RATE = 8_000
"""Characters a second that go on being shown when a burst is used up."""


class ScreenFeed:
    """Hands pieces to `progress`. `unfinished` gives what is new of a line that has no end yet, when it has waited a while."""

    def __init__(self, progress: Callable[[str], None], unfinished: Callable[[], str]) -> None:
        self._progress = progress
        self._unfinished = unfinished
        self._loop = asyncio.get_running_loop()
        self._waiting: list[str] = []
        self._size = 0
        self._skipped = 0
        self._timer: asyncio.TimerHandle | None = None
        self._credit = float(_BURST)
        self._credited = self._loop.time()

    def add(self, text: str) -> None:
        """Show `text`, which ends with whole lines (or is empty: there may be an unfinished one)."""
        if text:
            self._waiting.append(text)
            self._size += len(text)
            while len(self._waiting) > 1 and self._size - len(self._waiting[0]) > _BURST:
                oldest = self._waiting.pop(0)
                self._size -= len(oldest)
                self._skipped += oldest.count("\n")
        if self._timer is None:
            self._flush()
            self._timer = self._loop.call_later(_PAUSE, self._tick)

    def skip(self, lines: int) -> None:
        """So many lines will not be shown."""
        self._skipped += lines

    def close(self) -> None:
        """Show what waits; nothing comes after it."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._credit = max(self._credit, _RATE)
        self._flush(self._unfinished())

    def abandon(self) -> None:
        """Nobody looks any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._waiting.clear()
        self._progress = _ignore

    def _tick(self) -> None:
        # Whatever this finds out about the output waits for the flush below, as long as the timer is set.
        unfinished = self._unfinished()
        self._timer = None
        if self._waiting or unfinished:
            self._flush(unfinished)
            self._timer = self._loop.call_later(_PAUSE, self._tick)

    def _flush(self, unfinished: str = "") -> None:
        text = "".join(self._waiting) + unfinished
        self._waiting.clear()
        self._size = 0
        if not text and not self._skipped:
            return
        now = self._loop.time()
        self._credit = min(_BURST, self._credit + (now - self._credited) * _RATE)
        self._credited = now
        if len(text) > self._credit:
            window = len(text) - int(self._credit)
            start = text.find("\n", window) + 1 or max(window, len(text) - _LONGEST_LINE)
            dropped, text = text[:start], text[start:]
            self._skipped += dropped.count("\n")
        self._credit -= len(text)
        if text:
            if self._skipped:
                text = f"[{self._skipped:,} lines not shown here]\n{text}"
                self._skipped = 0
            self._progress(text)


def _ignore(_text: str) -> None:
    return
