"""Markup while it is being taken out: a block between its tags, or JSON that may be the whole answer.

Each piece of text is searched once, however small it is, and what is kept is bounded.
"""

from __future__ import annotations

import re

import msgspec

from dsterm.llm.markup import Form
from dsterm.llm.markup_calls import Call, Incomplete, read_bare_json, read_calls

_LONGEST_CLOSER = 64
_MAX_TRIES = 16
_HEAD_SIZE = 512


def _beginning_of(*atoms: str) -> re.Pattern[str]:
    """A pattern for any beginning of these patterns in a row, each of which is for single characters or for none."""
    pattern = ""
    for atom in reversed(atoms):
        pattern = rf"(?:{atom}{pattern}|\Z)"
    return re.compile(pattern)


_JSON_HEAD = (r"\s*", r"\{", r"\s*", *'"name"', r"\s*", ":", r"\s*", '"')
_JSON_TAIL = (r"(?P<name>[\w.:-]{1,64})", '"', r"\s*", ",", r"\s*", '"')
_KEYS = ("arguments", "parameters")
_HEADS = tuple(
    _beginning_of(*fence, *_JSON_HEAD, *_JSON_TAIL, *key, '"', r"\s*", "(?P<whole>:)")
    for fence in ((), (r"\s*", "`", "`", "`", r"[\w]{0,16}", r"[ \t]*", r"\n"))
    for key in _KEYS
)


class Found(msgspec.Struct, frozen=True):
    """Markup that was taken out, and the calls that it spells when it is complete."""

    text: str
    calls: tuple[Call, ...] = ()

    def lost(self) -> Found:
        """The same without its calls."""
        return Found(self.text)


class Block:
    """Markup from its first tag on, of which at most `cap` characters are kept; above that it spells no calls."""

    def __init__(self, form: Form, closer: re.Pattern[str], tag: str, cap: int) -> None:
        self._form = form
        self._closer = closer
        self._opening = len(tag)
        self._cap = cap
        self._kept: list[str] = []
        self._size = 0
        self._keep(tag)
        self._tail = ""
        self._tries = 0
        self._calls: tuple[Call, ...] = ()

    def feed(self, text: str) -> str | None:
        """What follows the end of the block; None as long as it goes on."""
        window = self._tail + text
        at = 0
        while found := self._closer.search(window, at):
            self._keep(window[at : found.end()])
            at = found.end()
            if self._is_complete(at - found.start()):
                self._tail = ""
                return window[at:]
        cut = max(at, len(window) - _LONGEST_CLOSER)
        self._keep(window[at:cut])
        self._tail = window[cut:]
        return None

    def end(self) -> Found:
        """The block when the stream ended before it did."""
        self._keep(self._tail)
        if self._form is Form.JSON and not self._tries and self._size <= self._cap:
            text = "".join(self._kept)
            # `[TOOL_CALLS]` needs no closing tag.
            calls = read_calls(self._form, text, self._opening, len(text)) if text.startswith("[") else ()
            self._calls = calls if isinstance(calls, tuple) else ()
        return self.found()

    def found(self) -> Found:
        """What was kept of it, with its calls when it is complete."""
        return Found("".join(self._kept), self._calls)

    def _is_complete(self, closer_size: int) -> bool:
        """Whether the closing tag just found closes the block, and does not stand inside a value."""
        self._tries += 1
        if self._size > self._cap:
            return True
        text = "".join(self._kept)
        calls = read_calls(self._form, text, self._opening, len(text) - closer_size)
        if isinstance(calls, tuple):
            self._calls = calls
        return calls is not Incomplete.OPEN or self._tries >= _MAX_TRIES

    def _keep(self, text: str) -> None:
        room = max(0, self._cap - self._size)
        if text and room:
            self._kept.append(text[:room])
        self._size += len(text)


class BareJson:
    """An answer that begins like `{"name": "read", "arguments": `, in a fence or not: held back until it is over."""

    def __init__(self, known: frozenset[str], cap: int) -> None:
        self._known = known
        self._cap = cap
        self._kept: list[str] = []
        self._size = 0
        self._is_call = False

    def feed(self, text: str) -> str | None:
        """All that was held back once it is clear that it is no call; None as long as it may be one."""
        self._size += len(text)
        if self._size <= self._cap:
            self._kept.append(text)
        if self._is_call:
            return None
        so_far = "".join(self._kept)
        self._kept = [so_far]
        if self._begins_call(so_far[:_HEAD_SIZE]) and (self._is_call or self._size < _HEAD_SIZE):
            return None
        return so_far

    def _begins_call(self, text: str) -> bool:
        for head in _HEADS:
            found = head.match(text)
            if found is None or (found.end() < len(text) and found["whole"] is None):
                continue
            name = found["name"]
            if found["whole"] is not None:
                self._is_call = name in self._known
                return self._is_call
            if name is None or any(known.startswith(name) for known in self._known):
                return True
        return False

    def end(self) -> Found | str:
        """The call, or the text that it was after all, when the stream is over."""
        text = "".join(self._kept)
        if not self._is_call:
            return text
        if self._size > self._cap:
            return Found(text)
        calls = read_bare_json(text)
        if calls is Incomplete.OPEN:
            return text
        return Found(text, calls if isinstance(calls, tuple) else ())
