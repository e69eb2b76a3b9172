r"""A text file and what it keeps through a change: byte order mark, line endings line by line, final newline.

Tools match and replace in text whose lines end with `\n`; `spliced` carries replacements back into the file's own bytes,
so nothing outside them changes. Only `\n`, with or without `\r` before it, ends a line.
"""

from __future__ import annotations

import bisect
import codecs
import re
from collections.abc import Sequence

import msgspec

from dsterm.core.errors import ToolError

_BINARY_PROBE = 8192
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CRLF = re.compile("\r\n")


class Splice(msgspec.Struct, frozen=True):
    """Put `text` in place of the characters from `start` to `end` of the normalised text."""

    start: int
    end: int
    text: str


class TextFile(msgspec.Struct, frozen=True, kw_only=True):
    r"""A decoded file: `raw` as it stands, `text` with every `\r\n` as `\n`."""

    raw: str
    text: str
    has_mark: bool

    @property
    def newline(self) -> str:
        r"""The ending that most lines have; `\n` for a file without any."""
        crlf = len(self.raw) - len(self.text)
        return "\r\n" if crlf > self.text.count("\n") - crlf else "\n"


def decode(data: bytes, name: str) -> TextFile:
    """The text of a file; ToolError, naming it `name`, for binary files and other encodings than UTF-8."""
    if data.startswith(_UTF16):
        raise ToolError(
            f"{name} is UTF-16 text; only UTF-8 files can be used. Leave it, or ask the user to convert it."
        )
    if b"\0" in data[:_BINARY_PROBE]:
        raise ToolError(f"{name} is a binary file and has no lines. Leave it as it is.")
    try:
        raw = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ToolError(
            f"{name} is not UTF-8 text: line {line} has the byte 0x{data[error.start]:02x}. "
            "Leave it, or ask the user to convert it."
        ) from error
    has_mark = raw.startswith("\ufeff")
    raw = raw.removeprefix("\ufeff")
    return TextFile(raw=raw, text=normalised(raw), has_mark=has_mark)


def normalised(text: str) -> str:
    r"""`text` with every `\r\n` as `\n`."""
    return _CRLF.sub("\n", text)


def encode(text: str, *, has_mark: bool = False) -> bytes:
    """The bytes of `text`; ToolError when it holds what no UTF-8 file can."""
    try:
        return (codecs.BOM_UTF8 if has_mark else b"") + text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ToolError(
            "The new text holds half a character (a lone surrogate). Send it again as valid text."
        ) from error


def replaced(file: TextFile, text: str) -> bytes:
    """The bytes of a whole new `text` in the style of the old file."""
    plain = normalised(text).removeprefix("\ufeff")
    return encode(plain.replace("\n", file.newline), has_mark=file.has_mark)


def spliced(file: TextFile, splices: Sequence[Splice]) -> bytes:
    """The bytes after all `splices` (in order, none overlapping); new lines end as the line before them does."""
    carriage_returns = _normalised_ends(file.raw)
    pieces = []
    position = 0
    for splice in splices:
        start = splice.start + bisect.bisect_left(carriage_returns, splice.start)
        end = splice.end + bisect.bisect_left(carriage_returns, splice.end)
        pieces.append(file.raw[position:start])
        pieces.append(splice.text.replace("\n", _newline_at(file.raw, start)))
        position = end
    pieces.append(file.raw[position:])
    return encode("".join(pieces), has_mark=file.has_mark)


def _normalised_ends(raw: str) -> list[int]:
    r"""Where in the normalised text those `\n` stand that are `\r\n` in the file."""
    return [match.start() - index for index, match in enumerate(_CRLF.finditer(raw))]


def _newline_at(raw: str, position: int) -> str:
    """The line ending of the neighbour: of the line that `position` is in, else of the one before it."""
    end = raw.find("\n", position)
    if end == -1 or (position > 0 and raw[position - 1] == "\n"):
        before = raw.rfind("\n", 0, position)
        end = before if before != -1 else end
    return "\r\n" if end > 0 and raw[end - 1] == "\r" else "\n"
