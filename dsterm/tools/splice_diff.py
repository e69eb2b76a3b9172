"""The diff of a file whose splices are known: only the lines around them are looked at, however long the file is."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dsterm.core.diff import DiffLine, FileDiff, Hunk, LineKind, diff_texts
from dsterm.tools.text_encoding import showable
from dsterm.tools.text_file import Splice

CONTEXT = 3
_MOST_COMPARED = 4_000
"""Lines that are compared one by one; beyond it the comparison would take long, and nobody would read it."""


class _Region(msgspec.Struct, kw_only=True):
    """Whole lines of the old text, from position `start` to `end`, with the splices in them; `first` is their line index."""

    start: int
    end: int
    first: int
    splices: list[Splice]


def diff_of_splices(path: str, text: str, splices: Sequence[Splice], *, old_path: str = "") -> FileDiff:
    """The change of `path`, whose normalised `text` gets these `splices`, in order."""
    whole = diff_texts(path, "", "", old_path=old_path)
    hunks: list[Hunk] = []
    moved = 0
    for region in _regions(text, splices):
        old = text[region.start : region.end]
        new = _after(text, region)
        hunks += _hunks(old, new, region.first, moved)
        moved += _line_count(new) - _line_count(old)
    return msgspec.structs.replace(whole, hunks=tuple(hunks))


def compared(old: str, new: str) -> tuple[Hunk, ...]:
    """The hunks between two texts; one hunk for all lines where there are too many to compare."""
    if old.count("\n") + new.count("\n") <= _MOST_COMPARED:
        return diff_texts("", showable(old), showable(new), context=CONTEXT).hunks
    removed = tuple(DiffLine(LineKind.REMOVED, text) for text in _lines(old))
    added = tuple(DiffLine(LineKind.ADDED, text) for text in _lines(new))
    return (Hunk(old_start=1, new_start=1, lines=(*removed, *added)),)


def _hunks(old: str, new: str, first: int, moved: int) -> list[Hunk]:
    return [
        msgspec.structs.replace(hunk, old_start=hunk.old_start + first, new_start=hunk.new_start + first + moved)
        for hunk in compared(old, new)
    ]


def _regions(text: str, splices: Sequence[Splice]) -> list[_Region]:
    """Lines around each splice with their context; what would touch or share lines is one region."""
    regions: list[_Region] = []
    counted, line = 0, 0
    for splice in splices:
        start = _line_start(text, splice.start, CONTEXT)
        end = _line_end(text, splice.end, CONTEXT)
        if regions and start <= regions[-1].end:
            regions[-1].end = max(end, regions[-1].end)
            regions[-1].splices.append(splice)
            continue
        line += text.count("\n", counted, start)
        counted = start
        regions.append(_Region(start=start, end=end, first=line, splices=[splice]))
    return regions


def _after(text: str, region: _Region) -> str:
    pieces = []
    position = region.start
    for splice in region.splices:
        pieces += [text[position : splice.start], splice.text.replace("\r\n", "\n")]
        position = splice.end
    return "".join((*pieces, text[position : region.end]))


def _line_start(text: str, position: int, lines: int) -> int:
    """Where the line begins that is `lines` before the one of `position`."""
    for _ in range(lines + 1):
        found = text.rfind("\n", 0, position)
        if found == -1:
            return 0
        position = found
    return position + 1


def _line_end(text: str, position: int, lines: int) -> int:
    r"""Where the line ends, its `\n` included, that is `lines` after the one of `position`."""
    for _ in range(lines + 1):
        found = text.find("\n", position)
        if found == -1:
            return len(text)
        position = found + 1
    return position


def _line_count(text: str) -> int:
    return len(_lines(text))


def _lines(text: str) -> list[str]:
    lines = showable(text).split("\n")
    return lines[:-1] if lines[-1] == "" else lines
