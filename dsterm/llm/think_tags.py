"""Reasoning that stands in the answer: a `<think>` block at its beginning, as servers leave it that don't split it off."""

from __future__ import annotations

from enum import Enum, auto

OPEN = "<think>"
CLOSE = "</think>"
_HEAD = 512


class _Place(Enum):
    HEAD = auto()
    INSIDE = auto()
    PAST = auto()


class ThinkTags:
    """Divides the beginning of an answer into reasoning and answer, wherever the text was cut on its way.

    Only what opens the answer counts; once other text has come, `is_past`, and tags are words like any other.
    """

    def __init__(self) -> None:
        self._place = _Place.HEAD
        self._held = ""
        self._follows_block = False

    @property
    def is_past(self) -> bool:
        """Whether the answer has begun, so that nothing is left to find."""
        return self._place is _Place.PAST

    def begin_again(self) -> None:
        """What follows is the beginning of the answer after all, behind reasoning."""
        self._place = _Place.HEAD
        self._held = ""
        self._follows_block = True

    def feed(self, text: str) -> tuple[str, str]:
        """The reasoning and the answer that `text` brings; either may be empty, what is undecided is held back."""
        reasoning: list[str] = []
        while text and not self.is_past:
            text = self._inside(text, reasoning) if self._place is _Place.INSIDE else self._head(text)
        return "".join(reasoning), text

    def end(self) -> tuple[str, str]:
        """What was still held back when the stream ended."""
        held, self._held = self._held, ""
        if self._place is _Place.INSIDE:
            return held, ""
        return "", held.lstrip() if self._follows_block else held

    def _head(self, text: str) -> str:
        text = self._held + text
        self._held = ""
        words = text.lstrip()
        for tag, place in ((OPEN, _Place.INSIDE), (CLOSE, _Place.HEAD)):
            if words.startswith(tag):
                self._place, self._follows_block = place, True
                return words[len(tag) :]
        if (OPEN.startswith(words) or CLOSE.startswith(words)) and len(text) < _HEAD:
            self._held = text
            return ""
        self._place = _Place.PAST
        return words if self._follows_block else text

    def _inside(self, text: str, reasoning: list[str]) -> str:
        text = self._held + text
        self._held = ""
        thoughts, tag, rest = text.partition(CLOSE)
        if tag:
            self._place = _Place.HEAD
            reasoning.append(thoughts)
            return rest
        size = _size_of_beginning(text, CLOSE)
        if size:
            self._held = text[-size:]
            text = text[:-size]
        reasoning.append(text)
        return ""


def _size_of_beginning(text: str, tag: str) -> int:
    """How many characters at the end of `text` may be the beginning of `tag`."""
    sizes = range(min(len(text), len(tag) - 1), 0, -1)
    return next((size for size in sizes if tag.startswith(text[-size:])), 0)
