"""How many cells text takes, and where it may break.

Text is clean here (no control characters). ASCII and the common one-cell scripts take a fast path; the Unicode tables are
loaded for the rest only.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator

# Ranges without any zero-width, double-width or joining character.
_ONE_CELL = re.compile(
    "[ -~\u00a0-\u00ac\u00ae-\u02ff\u0370-\u0377\u037a-\u037f\u0400-\u0482\u048a-\u052f\u2010-\u2027\u2030-\u205e]*"
)
# East Asian closing marks stay with what is before them.
_CLOSING = frozenset("、。，．：；？！）」』】〉》〕］｝・ー々’”…")


def cells(text: str) -> int:
    """Cells that `text` takes on one screen line."""
    if text.isascii() or _ONE_CELL.fullmatch(text):
        return len(text)
    measure, _ = _unicode()
    width = measure(text)
    return width if width >= 0 else len(text)


def head(text: str, width: int) -> str:
    """As much of the start of `text` as fits into `width` cells."""
    if text.isascii() or _ONE_CELL.fullmatch(text):
        return text[: max(width, 0)]
    end = 0
    for cluster, size in _clusters(text):
        width -= size
        if width < 0:
            break
        end += len(cluster)
    return text[:end]


def truncated(text: str, width: int) -> str:
    """`text` in at most `width` cells, ending in `…` where something is missing."""
    if cells(text) <= width:
        return text
    return head(text, width - 1) + "…" if width > 0 else ""


def padded(text: str, width: int) -> str:
    """`text` with blanks up to `width` cells."""
    return text + " " * (width - cells(text))


def word_breaks(text: str, width: int) -> list[tuple[int, int]]:
    """Where `text` (one line) breaks between words: start and end of each screen line of at most `width` cells.

    Blanks at a break belong to no line. Words longer than a line are cut; double-width scripts break anywhere.
    """
    if text.isascii() or _ONE_CELL.fullmatch(text):
        return _narrow_breaks(text, max(width, 1))
    return _wide_breaks(text, max(width, 2))


def hard_breaks(text: str, width: int) -> list[tuple[int, int]]:
    """Where `text` (one line) is cut every `width` cells, nothing left out."""
    if text.isascii() or _ONE_CELL.fullmatch(text):
        width = max(width, 1)
        return [(at, min(at + width, len(text))) for at in range(0, len(text), width)] or [(0, 0)]
    width = max(width, 2)
    breaks: list[tuple[int, int]] = []
    start = at = used = 0
    for cluster, size in _clusters(text):
        if used + size > width and at > start:
            breaks.append((start, at))
            start, used = at, 0
        at += len(cluster)
        used += size
    breaks.append((start, at))
    return breaks


def _narrow_breaks(text: str, width: int) -> list[tuple[int, int]]:
    breaks: list[tuple[int, int]] = []
    start, length = 0, len(text)
    while length - start > width:
        at = text.rfind(" ", start, start + width + 1)
        # Blanks that begin the text are indentation, not a place to break.
        if at <= start or not text[start:at].strip(" "):
            breaks.append((start, start + width))
            start += width
            continue
        end = at
        while text[end - 1] == " ":
            end -= 1
        breaks.append((start, end))
        start = at + 1
        while start < length and text[start] == " ":
            start += 1
    if start < length or not breaks:
        breaks.append((start, length))
    return breaks


def _wide_breaks(text: str, width: int) -> list[tuple[int, int]]:
    breaks: list[tuple[int, int]] = []
    start = used = at = 0
    for word, size in _pieces(text):
        end = at + len(word)
        if not word.strip(" "):
            # Blanks count only when something follows them on the same line; leading ones are indentation.
            used += size
            at = end
            while used > width and not text[start:at].strip(" "):
                breaks.append((start, start + width))
                start, used = start + width, used - width
            continue
        if used + size > width and at > start:
            stop = start + len(text[start:at].rstrip(" "))
            if stop > start:
                breaks.append((start, stop))
                start, used = at, 0
        if size > width - used:
            *full, last = _cut(text, at, end, (start, used), width)
            breaks.extend(full)
            start, used = last[0], cells(text[last[0] : end])
        else:
            used += size
        at = end
    if text[start:].strip(" ") or not breaks:
        breaks.append((start, len(text) if used <= width else start + len(text[start:].rstrip(" "))))
    return breaks


def _cut(text: str, at: int, end: int, line: tuple[int, int], width: int) -> list[tuple[int, int]]:
    """Lines for the long word `text[at:end]`, where the current line began at `line[0]` and has `line[1]` cells."""
    start, used = line
    lines: list[tuple[int, int]] = []
    for cluster, size in _clusters(text[at:end]):
        if used + size > width and at > start:
            lines.append((start, at))
            start, used = at, 0
        at += len(cluster)
        used += size
    lines.append((start, end))
    return lines


def _pieces(text: str) -> Iterator[tuple[str, int]]:
    """Unbreakable pieces with their cells: runs of blanks, words, and single double-width characters with their marks."""
    word, size = "", 0
    for cluster, width in _clusters(text):
        is_blank = cluster == " "
        joins = bool(word) and (
            (is_blank and word[-1] == " ")
            or (not is_blank and word[-1] != " " and (cluster[0] in _CLOSING or (width < 2 and not _is_wide(word[-1]))))
        )
        if not joins and word:
            yield word, size
            word, size = "", 0
        word += cluster
        size += width
    if word:
        yield word, size


def _is_wide(character: str) -> bool:
    return ord(character) >= 0x1100 and cells(character) == 2


def _clusters(text: str) -> Iterator[tuple[str, int]]:
    measure, split = _unicode()
    for cluster in split(text):
        size = 1 if cluster.isascii() else max(measure(cluster), 0)
        if size <= 2:
            yield cluster, size
            continue
        # Some sequences are one character for the reader but wider than two cells; they may be cut.
        for character in cluster:
            yield character, max(measure(character), 0)


@functools.cache
def _unicode() -> tuple[Callable[[str], int], Callable[[str], Iterator[str]]]:
    import wcwidth  # noqa: PLC0415 - tables that plain text never needs

    return wcwidth.wcswidth, wcwidth.iter_graphemes
