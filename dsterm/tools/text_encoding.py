"""Which encoding a file has, so that its bytes come out of `decode` and go back in without one of them changed.

A byte order mark decides; else UTF-8 where it is valid or nearly so; else the encodings of one byte a character, in which
every file of text can be read. What holds NUL, or control characters in none of these, is binary.
"""

from __future__ import annotations

import codecs
import re

import msgspec

from dsterm.core.errors import ToolError

_NO_TEXT = re.compile(rb"[\x00-\x06\x0e-\x19\x1c-\x1f\x7f]")
_UTF8_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH_RUN = re.compile(rb"[\x80-\xff]")
_HIGH_CONTROL = re.compile(rb"[\x80-\x9f]")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Encoding(msgspec.Struct, frozen=True, kw_only=True):
    """`codec` as Python calls it, `title` as people do; `mark` stands before the text, `is_broken` when not all is valid."""

    codec: str
    title: str
    mark: bytes = b""
    is_broken: bool = False

    @property
    def _errors(self) -> str:
        return "surrogateescape" if self.is_broken else "strict"

    def decode(self, data: bytes) -> str:
        """The text without the mark. UnicodeDecodeError when `data` is in another encoding after all."""
        return data[len(self.mark) :].decode(self.codec, self._errors)

    def encode(self, text: str) -> bytes:
        """Mark and text as bytes. UnicodeEncodeError when the encoding lacks a character."""
        return self.mark + text.encode(self.codec, self._errors)


UTF8 = Encoding(codec="utf-8", title="UTF-8")
_MARKED = (
    Encoding(codec="utf-8", title="UTF-8 with a mark", mark=codecs.BOM_UTF8),
    # Before UTF-16, whose mark is the beginning of this one.
    Encoding(codec="utf-32-le", title="UTF-32", mark=codecs.BOM_UTF32_LE),
    Encoding(codec="utf-32-be", title="UTF-32", mark=codecs.BOM_UTF32_BE),
    Encoding(codec="utf-16-le", title="UTF-16", mark=codecs.BOM_UTF16_LE),
    Encoding(codec="utf-16-be", title="UTF-16", mark=codecs.BOM_UTF16_BE),
)
_NEARLY_UTF8 = Encoding(codec="utf-8", title="UTF-8", is_broken=True)
_WINDOWS = Encoding(codec="cp1252", title="Windows-1252")
_LATIN = Encoding(codec="latin-1", title="Latin-1")


def decoded(data: bytes, name: str) -> tuple[Encoding, str]:
    """The encoding of `data` and its text; ToolError, naming the file `name`, when it is no text."""
    for encoding in _MARKED:
        if data.startswith(encoding.mark):
            if (text := _round_trip(encoding, data)) is not None:
                return encoding, text
            if encoding.codec != "utf-8":
                raise ToolError(
                    f"{name} begins like {encoding.title} text but is broken further on. Leave it as it is."
                )
            broken = msgspec.structs.replace(encoding, is_broken=True)
            if b"\0" not in data:
                return broken, broken.decode(data)
    if b"\0" in data:
        raise ToolError(f"{name} is a binary file and has no lines. Leave it as it is.")
    if (text := _round_trip(UTF8, data)) is not None:
        return UTF8, text
    if _NO_TEXT.search(data):
        raise ToolError(f"{name} is a binary file and has no lines. Leave it as it is.")
    for encoding in _candidates(data):
        if (text := _round_trip(encoding, data)) is not None:
            return encoding, text
    raise ToolError(f"{name} is in no encoding that can be told. Leave it as it is.")


def encoded(encoding: Encoding, text: str, name: str) -> bytes:
    """The bytes of `text`; ToolError, naming the file `name`, when it holds what the encoding has no bytes for."""
    try:
        return encoding.encode(text)
    except UnicodeEncodeError as error:
        odd = text[error.start]
        if _SURROGATE.match(odd):
            raise ToolError(
                "The new text holds half a character (a lone surrogate). Send it again as valid text."
            ) from error
        line = text.count("\n", 0, error.start) + 1
        raise ToolError(
            f"{name} is {encoding.title} text, which has no {odd!r} (U+{ord(odd):04X}, line {line} of the result). "
            "Write it with other characters, or ask the user to convert the file to UTF-8."
        ) from error


def check_new_text(text: str) -> None:
    """ToolError when `text`, which a model sent, holds half a character; what a broken file has already is kept."""
    if _SURROGATE.search(text):
        raise ToolError("The new text holds half a character (a lone surrogate). Send it again as valid text.")


def showable(text: str) -> str:
    """`text` with U+FFFD in place of bytes that are not valid in the file's encoding."""
    return _SURROGATE.sub("\ufffd", text)


def _round_trip(encoding: Encoding, data: bytes) -> str | None:
    """The text of `data`, None when it doesn't give the same bytes again."""
    try:
        text = encoding.decode(data)
    except UnicodeDecodeError:
        return None
    # Strict UTF-8 has one spelling of every text; there is no need to write it out again.
    return text if encoding.codec == "utf-8" or encoding.encode(text) == data else None


def _candidates(data: bytes) -> tuple[Encoding, ...]:
    """Single damaged bytes in a file of UTF-8 don't make it something else; without real sequences it never was UTF-8."""
    sequences = [len(found) for found in _UTF8_SEQUENCE.findall(data)]
    stray = len(_HIGH_RUN.findall(data)) - sum(sequences)
    if len(sequences) > stray:
        return (_NEARLY_UTF8,)
    return (_WINDOWS, _LATIN) if _HIGH_CONTROL.search(data) else (_LATIN,)
