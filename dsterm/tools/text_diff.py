"""The diff of two whole texts, comparing only what lies between their common first and last lines."""

from __future__ import annotations

import msgspec

from dsterm.core.diff import FileDiff, diff_texts
from dsterm.tools.splice_diff import CONTEXT, compared


def diff_of(path: str, before: str | None, after: str | None, *, old_path: str = "") -> FileDiff:
    """The change of `path` from `before` to `after`; None stands for a file that isn't there."""
    old, new = (before or "").split("\n"), (after or "").split("\n")
    first = _common(old, new, backwards=False)
    last = _common(old[first:], new[first:], backwards=True)
    start, end = max(0, first - CONTEXT), max(0, last - CONTEXT)
    hunks = compared("\n".join(old[start : len(old) - end]), "\n".join(new[start : len(new) - end]))
    whole = diff_texts(path, None if before is None else "", None if after is None else "", old_path=old_path)
    moved = (
        msgspec.structs.replace(hunk, old_start=hunk.old_start + start, new_start=hunk.new_start + start)
        for hunk in hunks
    )
    return msgspec.structs.replace(whole, hunks=tuple(moved))


def _common(old: list[str], new: list[str], *, backwards: bool) -> int:
    pairs = zip(reversed(old), reversed(new), strict=False) if backwards else zip(old, new, strict=False)
    return next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(old), len(new)))
