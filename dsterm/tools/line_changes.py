"""Which lines differ between two texts, and the splices that turn one into the other without touching what they share."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from itertools import accumulate

from dsterm.core.errors import ToolError
from dsterm.tools.text_file import Splice, TextFile, normalised, spliced
from dsterm.tools.tolerance import Match, adapt, common_length

_MOST_COMPARED = 4_000
"""Lines that are compared one by one; more are taken as one change between the lines that both begin and end with."""


def changed_blocks(old: Sequence[str], new: Sequence[str]) -> list[tuple[range, range]]:
    """The lines of `old` that change and the lines of `new` that take their place, in order; one of the two may be empty."""
    head = _common(old, new, 0)
    tail = _common(old[::-1], new[::-1], head)
    old_end, new_end = len(old) - tail, len(new) - tail
    if head == old_end and head == new_end:
        return []
    whole = [(range(head, old_end), range(head, new_end))]
    if head in {old_end, new_end} or old_end + new_end - 2 * head > _MOST_COMPARED:
        return whole
    matcher = difflib.SequenceMatcher(None, old[head:old_end], new[head:new_end], autojunk=False)
    return [
        (range(head + a, head + b), range(head + c, head + d))
        for tag, a, b, c, d in matcher.get_opcodes()
        if tag != "equal"
    ]


def line_splices(
    old: Sequence[str], new: Sequence[str], stands: Sequence[str], start: int, match: Match
) -> list[Splice] | None:
    """What turns the lines that stand at position `start` into `new`, where the request took them for `old`.

    None when the new lines can't be shifted along with the indent.
    """
    starts = [start, *accumulate((len(line) + 1 for line in stands), initial=start)][1:]
    splices = []
    for before, after in changed_blocks(old, new):
        there = stands[before.start : before.stop]
        lines = adapt(old[before.start : before.stop], there, new[after.start : after.stop], match)
        if lines is None:
            return None
        splices.append(_splice(starts, before, there, lines, is_last=before.stop == len(stands)))
    return splices


def _splice(starts: Sequence[int], lines: range, there: Sequence[str], new: Sequence[str], *, is_last: bool) -> Splice:
    begin, end = starts[lines.start], starts[lines.stop]
    text = "\n".join(new)
    if there and new:
        return _trimmed(begin, "\n".join(there), text)
    if not is_last:
        return Splice(begin, end, f"{text}\n" if new else "")
    # Nothing follows, so the line end that comes or goes is the one before.
    return Splice(begin - 1, end - 1, f"\n{text}" if new else "")


def _trimmed(begin: int, old: str, new: str) -> Splice:
    head = common_length(old, new)
    tail = common_length(old[head:][::-1], new[head:][::-1])
    return Splice(begin + head, begin + len(old) - tail, new[head : len(new) - tail])


def replaced(file: TextFile, text: str) -> bytes:
    """The bytes of the file with `text` as its whole content: what stays keeps its line endings, what is new takes them on."""
    plain = normalised(text).removeprefix("\ufeff")
    if not file.is_mixed:
        return spliced(file, [Splice(0, len(file.text), plain.replace("\n", file.newline), is_literal=True)])
    old, new = file.text.split("\n"), plain.split("\n")
    splices = line_splices(old, new, old, 0, Match())
    if splices is None:
        raise ToolError(f"{file.name} can't be replaced as a whole. Use edit.")
    return spliced(file, splices)


def _common(one: Sequence[str], other: Sequence[str], taken: int) -> int:
    """How many lines both begin with, leaving out `taken` ones at the end of each."""
    pairs = zip(one, other, strict=False)
    shorter = min(len(one), len(other)) - taken
    return min(shorter, next((index for index, (a, b) in enumerate(pairs) if a != b), shorter))
