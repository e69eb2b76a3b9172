"""Three versions of a file to one: what both sides changed since their common origin, or nothing where they collide.

Stricter than most merges: changes that touch, without a line between them, count as a collision.
"""

from __future__ import annotations

import difflib
from itertools import pairwise

import msgspec

_MOST_LINES = 30_000
"""Changed lines that are compared; beyond it the comparison would take minutes, and nobody could check the outcome."""
_MANY_LINES = 2_000
"""From here on lines that occur all over the file are no landmarks any more, which keeps the time in proportion."""


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """Lines `start` to `end` of the old text (from 0, `end` not included) became `lines`."""

    start: int
    end: int
    lines: tuple[bytes, ...]


def merge(origin: bytes, one: bytes, other: bytes) -> bytes | None:
    """`origin` with the changes of both `one` and `other`; None when they collide, or when the file is no text."""
    if other in (one, origin):
        return one
    if one == origin:
        return other
    if any(b"\0" in version for version in (origin, one, other)):
        return None
    lines = _lines(origin)
    ours, theirs = changed_regions(lines, _lines(one)), changed_regions(lines, _lines(other))
    if ours is None or theirs is None:
        return None
    regions = sorted({(region.start, region.end, region.lines) for region in (*ours, *theirs)})
    if any(following[0] <= former[1] for former, following in pairwise(regions)):
        return None
    merged: list[bytes] = []
    place = 0
    for start, end, new in regions:
        merged += (*lines[place:start], *new)
        place = end
    return b"".join((*merged, *lines[place:]))


def count_changes(before: bytes, after: bytes) -> tuple[int, int]:
    """How many lines come and how many go from `before` to `after`; binary files and vast changes count as all of them."""
    old, new = _lines(before), _lines(after)
    regions = None if b"\0" in before or b"\0" in after else changed_regions(old, new)
    if regions is None:
        return len(new), len(old)
    return sum(len(region.lines) for region in regions), sum(region.end - region.start for region in regions)


def changed_regions(old: list[bytes], new: list[bytes]) -> list[Region] | None:
    """What differs, in order; None when too much does."""
    first = _common(old, new)
    last = _common(old[first:][::-1], new[first:][::-1])
    old_end, new_end = len(old) - last, len(new) - last
    compared = old_end + new_end - 2 * first
    if compared > _MOST_LINES:
        return None
    is_long = compared > _MANY_LINES
    matcher = difflib.SequenceMatcher(None, old[first:old_end], new[first:new_end], autojunk=is_long)
    return [
        Region(start=first + old_from, end=first + old_to, lines=tuple(new[first + new_from : first + new_to]))
        for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes()
        if tag != "equal"
    ]


def _lines(data: bytes) -> list[bytes]:
    r"""Lines with their `\\n`; nothing else ends one."""
    lines = data.split(b"\n")
    whole = [line + b"\n" for line in lines[:-1]]
    return [*whole, lines[-1]] if lines[-1] else whole


def _common(old: list[bytes], new: list[bytes]) -> int:
    pairs = zip(old, new, strict=False)
    return next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(old), len(new)))
