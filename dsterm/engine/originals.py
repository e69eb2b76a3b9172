"""The messages that compaction took out of requests, so that they can stand there again: the last taken out come back first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

import msgspec

from dsterm.context.forecast import Kept, LastRequest
from dsterm.core.messages import Message

Place = TypeVar("Place")


class Replaced(msgspec.Struct, Generic[Place], frozen=True):
    """The messages as they stood, how many stood there instead, what the caches of each place had of them, and the last request
    of them that the server had counted.
    """

    messages: list[Message]
    now: int
    kept: Mapping[Place, Kept]
    last: LastRequest | None


class Originals(Generic[Place]):
    """One entry for each time that messages were taken out."""

    def __init__(self) -> None:
        self._stack: list[Replaced[Place]] = []

    def __len__(self) -> int:
        return len(self._stack)

    def add(self, messages: list[Message], now: int, kept: Mapping[Place, Kept], last: LastRequest | None) -> None:
        """Others, `now` of them, stand for `messages` from here on."""
        self._stack.append(Replaced(messages, now, dict(kept), last))

    def take(self) -> Replaced[Place] | None:
        """What was taken out last; None where nothing is."""
        return self._stack.pop() if self._stack else None

    def drop(self, is_gone: Callable[[Message], bool]) -> None:
        """These messages are not to come back; they must be such as never are taken out, and stood in both lists."""
        for place, entry in enumerate(self._stack):
            left = [message for message in entry.messages if not is_gone(message)]
            gone = len(entry.messages) - len(left)
            if gone:
                self._stack[place] = Replaced(left, entry.now - gone, {}, None)
