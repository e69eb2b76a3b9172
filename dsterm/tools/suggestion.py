"""Words for text that isn't in a file: the likely slip, or the nearest lines with their numbers. It never decides anything."""

from __future__ import annotations

import difflib
import html
import re
from collections.abc import Sequence

from dsterm.tools.file_lines import FileLines
from dsterm.tools.text_encoding import showable
from dsterm.tools.truncate import shorten

QUOTED = 120
_MOST_NUMBERS = 10
_MOST_SHOWN = 12
_MOST_CANDIDATES = 200
_ALIKE = 0.6
_TELLING_LINES = 3
_WORD = re.compile(r"\w{3,}")
_ESCAPED = re.compile(r"""\\([ntr"'\\])""")
_PLAIN_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def line_numbers(text: str, places: Sequence[int]) -> str:
    """The line numbers of positions in `text`, as a list to read."""
    return number_list([text.count("\n", 0, place) + 1 for place in places[: _MOST_NUMBERS + 1]])


def number_list(numbers: Sequence[int]) -> str:
    """`3, 7, 9`, cut after a few."""
    shown = ", ".join(map(str, numbers[:_MOST_NUMBERS]))
    return f"{shown} …" if len(numbers) > _MOST_NUMBERS else shown


def why_text_is_missing(file: FileLines, text: str, wanted: str, replacement: str) -> str:
    """What the model can do about a `wanted` text that isn't there."""
    lines = wanted.split("\n")
    if not wanted.strip():
        return "It is only white space. Add a line of text to it."
    if slip := _slip(text, wanted):
        return slip
    if replacement.strip() and len(replacement) > len(wanted.strip()) / 2 and text.count(replacement) == 1:
        return f"But new_string stands at line {line_numbers(text, [text.find(replacement)])}: the change may be done already."
    place = nearest_place(file, lines)
    if place is None:
        return "No line of the file is like it. Read the file again and copy the text exactly."
    return f"{nearest_lines(file, place, len(lines))}\nIf that is the place, copy it exactly, without the line numbers."


def nearest_place(file: FileLines, wanted: Sequence[str]) -> int | None:
    """The index of the line where something like `wanted` begins; None when nothing is like it."""
    start = file.nearest(wanted)
    return start if start is not None else _similar(file, wanted)


def nearest_lines(file: FileLines, start: int, count: int) -> str:
    """The lines from index `start` on, numbered as `read` numbers them."""
    first = max(0, min(start, len(file.lines) - 1))
    last = min(len(file.lines), max(first + 1, start + min(count, _MOST_SHOWN)))
    named = f"The nearest line is {first + 1}" if last - first == 1 else f"The nearest lines are {first + 1}-{last}"
    shown = (f"{number}\t{quoted_line(file.lines[number - 1])}" for number in range(first + 1, last + 1))
    return "\n".join((f"{named}:", *shown))


def quoted_line(line: str) -> str:
    """A line of the file for a message: short, and always text that can be sent."""
    return showable(shorten(line, QUOTED))


def _slip(text: str, wanted: str) -> str:
    """The known slips of models, found by undoing them."""
    unnumbered = _without_line_numbers(wanted)
    if unnumbered and unnumbered in text:
        return "It begins with the line number that read shows. Leave numbers and tabs out."
    for plain, slip in (
        (_unescaped(wanted), 'It has escapes such as \\n or \\" written out as two characters'),
        (html.unescape(wanted), "It has entities such as &lt; instead of the characters"),
    ):
        if plain != wanted and plain in text:
            return f"{slip}; as plain text it stands at line {line_numbers(text, [text.find(plain)])}. Send it plain."
    return ""


def _without_line_numbers(wanted: str) -> str:
    lines = wanted.split("\n")
    parts = [line.partition("\t") for line in lines]
    numbered = [tab and number.strip().isdigit() for number, tab, _ in parts]
    if not all(number or not line.strip() for number, line in zip(numbered, lines, strict=True)):
        return ""
    return "\n".join(rest for _, _, rest in parts)


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda match: _PLAIN_ESCAPES.get(match[1], match[1]), text)


def _similar(file: FileLines, wanted: Sequence[str]) -> int | None:
    """Where a line stands that is much like one of the longest wanted lines."""
    telling = sorted((line for line in wanted if line.strip()), key=lambda line: len(line.strip()), reverse=True)
    best, place = _ALIKE, None
    for line in telling[:_TELLING_LINES]:
        offset = list(wanted).index(line)
        for index in _candidates(file, line):
            ratio = difflib.SequenceMatcher(None, line.strip()[:500], file.lines[index].strip()[:500]).ratio()
            if ratio > best:
                best, place = ratio, index - offset
    return place


def _candidates(file: FileLines, line: str) -> list[int]:
    """Lines that share one of the longest words of `line`."""
    words = sorted(set(_WORD.findall(line.casefold())), key=len, reverse=True)[:_TELLING_LINES]
    found: list[int] = []
    for word in words:
        sharing = [index for index, text in enumerate(file.lines) if word in text.casefold()]
        if len(sharing) <= _MOST_CANDIDATES:
            found += sharing
    return found[:_MOST_CANDIDATES]
