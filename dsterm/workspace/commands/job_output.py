"""The output of a job as it is shown: its head and its tail, long lines shortened, what was cut said between them."""

from __future__ import annotations

from collections import deque

import msgspec

_HEAD_KEPT = 24_000
_TAIL_KEPT = 64_000
_HEAD_SHOWN = 10_000
_TAIL_SHOWN = 20_000
_LINE_SHOWN = 2_000


class ShownOutput(msgspec.Struct, frozen=True, kw_only=True):
    """What fits of an output; `is_cut` when lines or parts of lines are missing."""

    text: str
    is_cut: bool


class JobOutputText:
    """Head and tail of a text that comes in pieces, in bounded memory, and how many lines it has."""

    def __init__(self) -> None:
        self._head = ""
        self._tail: deque[str] = deque()
        self._tail_size = 0
        self._has_gap = False
        self._breaks = 0
        self._is_line_open = False

    def lines_with(self, rest: str) -> int:
        """Lines so far, one that has no end yet among them, when `rest` comes after all that was added."""
        return self._breaks + (self._is_line_open or bool(rest))

    def add(self, text: str) -> None:
        """Take a piece; nothing is cut before there is more than is ever shown."""
        if not text:
            return
        self._breaks += text.count("\n")
        self._is_line_open = not text.endswith("\n")
        if not self._tail:
            room = _HEAD_KEPT - len(self._head)
            self._head += text[:room]
            text = text[room:]
        if text:
            self._tail.append(text[-_TAIL_KEPT:])
            self._has_gap |= len(text) > _TAIL_KEPT
            self._tail_size += len(self._tail[-1])
        while self._tail_size - len(self._tail[0] if self._tail else "") > _TAIL_KEPT:
            self._tail_size -= len(self._tail.popleft())
            self._has_gap = True

    def skip(self, breaks: int) -> None:
        """Lines that nobody will see: counted only, with a gap in their place."""
        self._breaks += breaks
        self._tail.clear()
        self._tail_size = 0
        self._tail.append("\n")
        self._has_gap = True

    def shown(self, rest: str = "") -> ShownOutput:
        """Head and tail, with `rest` (a line that has no end yet) after them."""
        tail = "".join(self._tail) + rest
        if not self._has_gap:
            return _fit((self._head + tail).split("\n"), self.lines_with(rest))
        head = self._head.split("\n")
        # Both sides of the gap may be parts of lines; whole ones are shown where there are any.
        first, last = head[:-1] or head, tail.split("\n")[1:] or [tail]
        return _cut(first, last, self.lines_with(rest))


def _fit(lines: list[str], total: int) -> ShownOutput:
    shortened = [shorten_line(line) for line in lines]
    text = "\n".join(shortened)
    if len(text.encode("utf-8", "replace")) <= _HEAD_SHOWN + _TAIL_SHOWN:
        return ShownOutput(text=text, is_cut=shortened != lines)
    return _cut(lines, lines, total)


def _cut(first: list[str], last: list[str], total: int) -> ShownOutput:
    """The first lines of `first` and the last of `last`, as many as their shares of bytes hold."""
    head = _taken(first, _HEAD_SHOWN)
    ending = [""] if last[-1] == "" else []
    tail = _taken(last[::-1][len(ending) :], _TAIL_SHOWN)[::-1]
    missing = total - len(head) - len(tail)
    said = f"[{missing:,} of {total:,} lines left out here]" if missing > 0 else "[a part of this line left out here]"
    return ShownOutput(text="\n".join((*head, said, *tail, *ending)), is_cut=True)


def _taken(lines: list[str], byte_limit: int) -> list[str]:
    taken: list[str] = []
    size = 0
    for line in lines:
        shortened = shorten_line(line)
        size += len(shortened.encode("utf-8", "replace")) + 1
        if size > byte_limit and taken:
            break
        taken.append(shortened)
    return taken


def shorten_line(line: str) -> str:
    """A long line by its beginning and its end, with how much of it is missing."""
    if len(line) <= _LINE_SHOWN:
        return line
    half = _LINE_SHOWN // 2
    return f"{line[:half]}…[{len(line) - 2 * half:,} characters left out]…{line[-half:]}"
