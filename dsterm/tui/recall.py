"""Walking back and forth through the prompts typed before, without losing the draft."""

from __future__ import annotations

from dsterm.tui.conversation import PromptMemory


class Recall:
    """A place in the prompt history; at its newer end stands the draft."""

    def __init__(self, memory: PromptMemory) -> None:
        self._memory = memory
        self._entries: list[str] = []
        self._place: int | None = None
        self._draft = ""

    def older(self, current: str) -> str | None:
        """The prompt before the one shown, or None at the oldest; `current` is kept when the walk begins."""
        if self._place is None:
            self._entries = list(self._memory.entries())
            self._place, self._draft = len(self._entries), current
        if self._place == 0:
            return None
        self._place -= 1
        return self._entries[self._place]

    def newer(self) -> str | None:
        """The prompt after the one shown, at last the draft; None when no walk is under way."""
        if self._place is None:
            return None
        self._place += 1
        if self._place >= len(self._entries):
            self._place = None
            return self._draft
        return self._entries[self._place]

    def add(self, text: str) -> None:
        """End the walk and remember a prompt that was sent; raises DstermError when it can't be kept."""
        self.stop()
        self._memory.add(text)

    def stop(self) -> None:
        """End the walk: what stands in the composer is a draft again."""
        self._place = None
