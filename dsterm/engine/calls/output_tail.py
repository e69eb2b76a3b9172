"""What a running call has told so far, so that a call that is stopped can still say what it had done."""

from __future__ import annotations

from collections import deque

from dsterm.core.tools import Outcome, ToolResult
from dsterm.workspace.commands.plain_output import plain_output

_MOST_CHARACTERS = 16_000


class OutputTail:
    """The end of what one call told, at most 16,000 characters of it; `started` is in seconds of the clock's `monotonic`."""

    def __init__(self, started: float) -> None:
        self.started = started
        self._pieces: deque[str] = deque()
        self._size = 0
        self._is_cut = False

    def add(self, text: str) -> None:
        """Take in what came next."""
        self._pieces.append(text)
        self._size += len(text)
        while self._size > _MOST_CHARACTERS and len(self._pieces) > 1:
            self._size -= len(self._pieces.popleft())
            self._is_cut = True

    def stopped(self, now: float) -> ToolResult:
        """The result of the call when the user stopped the turn at `now`."""
        seconds = round(now - self.started, 3)
        output = plain_output("".join(self._pieces))[-_MOST_CHARACTERS:].rstrip("\n")
        if not output:
            content = "The user stopped the turn before this call was over. It had printed nothing."
        else:
            begins = "[the beginning is cut]\n" if self._is_cut else ""
            content = f"{begins}{output}\n[the user stopped the turn before this was over]"
        return ToolResult(outcome=Outcome.CANCELLED, content=content, summary="stopped", seconds=seconds)
