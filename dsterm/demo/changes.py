"""Changes of texts as tool calls carry them: a unique old text with its new text, or a patch over several files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_CONTEXT = 3


def unique_replacement(before: str, after: str) -> tuple[str, str]:
    """The smallest run of whole lines that stands once in `before`, and what it becomes in `after`."""
    old, new = before.split("\n"), after.split("\n")
    start, shortest = 0, min(len(old), len(new))
    while start < shortest and old[start] == new[start]:
        start += 1
    end = 0
    while end < shortest - start and old[-1 - end] == new[-1 - end]:
        end += 1
    while True:
        text = "\n".join(old[start : len(old) - end])
        if (text.strip() and before.count(text) == 1) or (start == 0 and end == 0):
            return text, "\n".join(new[start : len(new) - end])
        start = max(0, start - 1)
        end = max(0, end - 1)


def patch_of(changes: Mapping[str, Sequence[tuple[int, str, str]]], lines: Mapping[str, Mapping[int, str]]) -> str:
    """A patch that replaces single lines: for each file (line number, old, new), with the lines around them."""
    parts = ["*** Begin Patch"]
    for path, replaced in changes.items():
        parts.append(f"*** Update File: {path}")
        for group in _neighbours(sorted(replaced)):
            parts += ["@@", *_hunk(group, lines[path])]
    return "\n".join([*parts, "*** End Patch"]) + "\n"


def _neighbours(replaced: Sequence[tuple[int, str, str]]) -> list[list[tuple[int, str, str]]]:
    groups: list[list[tuple[int, str, str]]] = []
    for change in replaced:
        if groups and change[0] - groups[-1][-1][0] <= 2 * _CONTEXT + 1:
            groups[-1].append(change)
        else:
            groups.append([change])
    return groups


def _hunk(group: Sequence[tuple[int, str, str]], lines: Mapping[int, str]) -> list[str]:
    """One hunk; context stops where the next line is not known."""
    changed = {number: (old, new) for number, old, new in group}
    first, last = group[0][0], group[-1][0]
    start, stop = first, last
    while first - start < _CONTEXT and start - 1 in lines:
        start -= 1
    while stop - last < _CONTEXT and stop + 1 in lines:
        stop += 1
    hunk = []
    for number in range(start, stop + 1):
        if number in changed:
            old, new = changed[number]
            hunk += [f"-{old}", f"+{new}"]
        else:
            hunk.append(f" {lines[number]}")
    return hunk
