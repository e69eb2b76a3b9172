r"""A text file and what it keeps through a change: encoding, byte order mark, line endings line by line, final newline.

Tools match and replace in text whose lines end with `\n`; `spliced` carries replacements back into the file's own bytes,
so nothing outside them changes. Only `\n`, with or without `\r` before it, ends a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

from dsterm.core.errors import ToolError
from dsterm.tools.text_encoding import UTF8, Encoding, check_new_text, decoded, encoded

_LINE_END = re.compile("\r?\n")


class Splice(msgspec.Struct, frozen=True):
    r"""Put `text` in place of the characters from `start` to `end` of the normalised text.

    Its lines end with `\n` and take the endings of what they replace or stand beside; with `is_literal` they keep their own.
    """

    start: int
    end: int
    text: str
    is_literal: bool = False


class TextFile(msgspec.Struct, frozen=True, kw_only=True):
    r"""A decoded file: `raw` as it stands, `text` with every `\r\n` as `\n`; `name` is for errors."""

    name: str
    raw: str
    text: str
    encoding: Encoding = UTF8

    @property
    def crlf_count(self) -> int:
        r"""How many of its lines end with `\r\n`."""
        return len(self.raw) - len(self.text)

    @property
    def is_mixed(self) -> bool:
        """Whether some lines end one way and some the other."""
        return 0 < self.crlf_count < self.text.count("\n")

    @property
    def newline(self) -> str:
        r"""The ending that most lines have; `\n` for a file without any."""
        return "\r\n" if self.crlf_count > self.text.count("\n") - self.crlf_count else "\n"


def decode(data: bytes, name: str) -> TextFile:
    """The text of a file; ToolError, naming it `name`, when it is no text."""
    encoding, raw = decoded(data, name)
    return TextFile(name=name, raw=raw, text=normalised(raw), encoding=encoding)


def normalised(text: str) -> str:
    r"""`text` with every `\r\n` as `\n`."""
    return text.replace("\r\n", "\n")


def encode(text: str) -> bytes:
    """The bytes of a new file; ToolError when `text` holds what no UTF-8 file can."""
    return encoded(UTF8, text, "")


def spliced(file: TextFile, splices: Sequence[Splice]) -> bytes:
    """The bytes after all `splices`, in order. ToolError when two overlap or the encoding can't hold the new text."""
    for one, following in pairwise(splices):
        if following.start < one.end:
            raise ToolError(f"{file.name}: two changes overlap. Make them one.")
    if not splices:
        return encoded(file.encoding, file.raw, file.name)
    pieces = []
    position = 0
    for splice, (start, end) in zip(splices, _raw_places(file, splices), strict=True):
        check_new_text(splice.text)
        pieces.append(file.raw[position:start])
        pieces.append(splice.text if splice.is_literal else _with_endings(splice.text, file.raw, start, end))
        position = end
    pieces.append(file.raw[position:])
    return encoded(file.encoding, "".join(pieces), file.name)


def _raw_places(file: TextFile, splices: Sequence[Splice]) -> Iterator[tuple[int, int]]:
    """Where in `raw` each splice begins and ends; one walk over the file for all of them."""
    if not file.crlf_count:
        yield from ((splice.start, splice.end) for splice in splices)
        return
    at, raw_at = 0, 0
    for splice in splices:
        places = []
        for place in (splice.start, splice.end):
            raw_at = _forward(file.raw, raw_at, place - at)
            at = place
            places.append(raw_at)
        yield places[0], places[1]


def _forward(raw: str, start: int, count: int) -> int:
    r"""The place `count` normalised characters after `start`; both characters of a `\r\n` are one."""
    while count:
        end = start + count
        count = raw.count("\r\n", start, end)
        if raw[end - 1] == "\r" and raw[end : end + 1] == "\n":
            end += 1
        start = end
    return start


def _with_endings(text: str, raw: str, start: int, end: int) -> str:
    """`text` with the line endings of what it replaces, one by one; more lines end like the last of these, or a neighbour."""
    count = text.count("\n")
    if not count:
        return text
    own = _LINE_END.findall(raw[start:end])
    ends = own[:count] + [own[-1] if own else _newline_at(raw, start, is_replaced=end > start)] * (count - len(own))
    lines = text.split("\n")
    return "".join(f"{line}{ending}" for line, ending in zip(lines, ends, strict=False)) + lines[-1]


def _newline_at(raw: str, position: int, *, is_replaced: bool) -> str:
    """The line ending of the line that `position` is in; what is put between two lines takes that of the one before."""
    end = raw.find("\n", position)
    if end == -1 or (not is_replaced and position > 0 and raw[position - 1] == "\n"):
        before = raw.rfind("\n", 0, position)
        end = before if before != -1 else end
    return "\r\n" if end > 0 and raw[end - 1] == "\r" else "\n"
