"""Where two texts differ, line by line, in about linear time: lines that occur once in both are landmarks."""

from __future__ import annotations

import difflib
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence

_MOST_COMPARED = 2_000
"""Lines between two landmarks that are compared one by one; more are taken as one change."""

Block = tuple[int, int, int, int]
"""Lines `a` to `b` of the old text became lines `c` to `d` of the new one; ends not included, one side may be empty."""


def changed_blocks(old: Sequence[str], new: Sequence[str]) -> list[Block]:
    """What changed from `old` to `new`, in order; blocks that touch are one."""
    blocks: list[Block] = []
    for block in _blocks(old, new):
        if blocks and blocks[-1][1] == block[0] and blocks[-1][3] == block[2]:
            blocks[-1] = (blocks[-1][0], block[1], blocks[-1][2], block[3])
        else:
            blocks.append(block)
    return blocks


def _blocks(old: Sequence[str], new: Sequence[str]) -> Iterator[Block]:
    a = c = 0
    for at_old, at_new in (*_landmarks(old, new), (len(old), len(new))):
        yield from _between(old, new, (a, at_old, c, at_new))
        a, c = at_old + 1, at_new + 1


def _between(old: Sequence[str], new: Sequence[str], part: Block) -> Iterator[Block]:
    """The changes between two landmarks."""
    a, b, c, d = part
    while a < b and c < d and old[a] == new[c]:
        a, c = a + 1, c + 1
    while a < b and c < d and old[b - 1] == new[d - 1]:
        b, d = b - 1, d - 1
    if a == b and c == d:
        return
    if a == b or c == d or b - a + d - c > _MOST_COMPARED:
        yield (a, b, c, d)
        return
    # In long parts, lines that are everywhere are passed over, so that the time stays in proportion.
    is_long = b - a + d - c > _MOST_COMPARED // 4
    matcher = difflib.SequenceMatcher(None, old[a:b], new[c:d], autojunk=is_long)
    for tag, from_old, to_old, from_new, to_new in matcher.get_opcodes():
        if tag != "equal":
            yield (a + from_old, a + to_old, c + from_new, c + to_new)


def _landmarks(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Places of lines that stand once in both texts, the most of them that are in the same order in both."""
    once = {line for line, times in Counter(new).items() if times == 1}
    once &= {line for line, times in Counter(old).items() if times == 1}
    places = {line: place for place, line in enumerate(new) if line in once}
    pairs = [(place, places[line]) for place, line in enumerate(old) if line in once]
    return _rising(pairs)


def _rising(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest part of `pairs`, ordered by their first numbers, whose second numbers rise too."""
    tops: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for index, (_, second) in enumerate(pairs):
        pile = bisect_left(tops, second)
        before.append(ends[pile - 1] if pile else -1)
        if pile == len(tops):
            tops.append(second)
            ends.append(index)
        else:
            tops[pile], ends[pile] = second, index
    chain: list[tuple[int, int]] = []
    index = ends[-1] if ends else -1
    while index >= 0:
        chain.append(pairs[index])
        index = before[index]
    return chain[::-1]
