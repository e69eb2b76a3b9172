"""What to leave out so that the rest fits: a few folders or files that come to enough, and to little more."""

from __future__ import annotations

from dsterm.tui.attach.folders import Folder
from dsterm.tui.attach.tree import AttachTree, span

_MOST = 3
_NEAR = 1.5
_LEAST_SHARE = 0.01
"""What comes to less of the whole is not worth naming."""


def what_to_leave_out(tree: AttachTree, tokens: int) -> list[Folder | int]:
    """Up to three folders or files that come to at least `tokens` together, the largest first; none where no three do.

    Source code is named only where nothing else is enough.
    """
    total = tree.total().tokens
    candidates = [(size, target) for size, target in _candidates(tree, int(total * _LEAST_SHARE)) if size < total]
    candidates.sort(key=lambda candidate: -candidate[0])
    others = [(size, target) for size, target in candidates if not _holds_source(tree, target)]
    return next(filter(None, (find(some, tokens) for some in (others, candidates) for find in (_enough, _one))), [])


def _holds_source(tree: AttachTree, target: Folder | int) -> bool:
    start, end = span(target)
    return tree.sources[end] > tree.sources[start]


def _enough(candidates: list[tuple[int, Folder | int]], tokens: int) -> list[Folder | int]:
    """Up to three of them that come to at least `tokens`; none where no three do."""
    chosen: list[Folder | int] = []
    missing = tokens
    while missing > 0 and candidates and len(chosen) < _MOST:
        size, target = _next(candidates, missing, is_last=len(chosen) == _MOST - 1)
        chosen.append(target)
        missing -= size
        candidates = [(each, other) for each, other in candidates if not _overlap(span(target), span(other))]
    return chosen if missing <= 0 else []


def _one(candidates: list[tuple[int, Folder | int]], tokens: int) -> list[Folder | int]:
    """The smallest that is enough alone."""
    return [target for size, target in candidates if size >= tokens][-1:]


def _next(candidates: list[tuple[int, Folder | int]], missing: int, *, is_last: bool) -> tuple[int, Folder | int]:
    """The smallest that is enough, if it is little more or the last there may be; else the largest that is too small."""
    enough = [candidate for candidate in candidates if candidate[0] >= missing]
    if enough and (is_last or enough[-1][0] <= missing * _NEAR or enough[-1] is candidates[-1]):
        return enough[-1]
    return candidates[len(enough)] if len(enough) < len(candidates) else enough[-1]


def _candidates(tree: AttachTree, least: int) -> list[tuple[int, Folder | int]]:
    found: list[tuple[int, Folder | int]] = []
    waiting = [tree.root]
    while waiting:
        folder = waiting.pop()
        whole = tree.tokens_in(folder)
        if whole <= least:
            continue
        if folder.parent is not None:
            found.append((whole, folder))
        # A folder says more than the one file in it.
        sizes = ((tree.tokens_in(number), number) for number in folder.files)
        found.extend(
            (size, number) for size, number in sizes if size > least and (size != whole or folder.parent is None)
        )
        waiting.extend(folder.folders)
    return found


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]
