"""The fewest entries of `PackChoice.levels` that say what was ticked, a folder's before those of what is in it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dsterm.core.attachments import Level
from dsterm.tui.attach.folders import Folder

_Cost = dict[Level | None, int]
"""How many entries a folder needs, by the level that holds outside of it; None: what holds without any entry."""

_HELD: tuple[Level | None, ...] = (None, *Level)


class Ticked(msgspec.Struct, frozen=True):
    """What every file is to be, by number: the level wanted, the one that holds without any entry, whether a folder's entry
    can bring it in, and its path.
    """

    wanted: Sequence[Level]
    untouched: Sequence[Level]
    is_usual: Sequence[int]
    paths: Sequence[str]

    def under(self, number: int, held: Level | None) -> Level:
        """The level of a file without an entry of its own, where `held` is that of the nearest folder with one."""
        if held is None:
            return self.untouched[number]
        return held if self.is_usual[number] else Level.OUT

    def differs(self, folder: Folder, held: Level | None) -> bool:
        """Whether anything in `folder` is to be something else than `held` makes of it."""
        numbers = range(folder.start, folder.end)
        if held is None:
            return self.wanted[folder.start : folder.end] != self.untouched[folder.start : folder.end]
        return any(self.under(number, held) is not self.wanted[number] for number in numbers)


def fewest_entries(root: Folder, ticked: Ticked) -> dict[str, Level]:
    """The entries, in the order of the tree."""
    if not ticked.differs(root, None):
        return {}
    costs: dict[str, _Cost] = {}
    for folder in reversed(list(root.walk())):
        costs[folder.path] = _costs(folder, ticked, costs)
    entries: dict[str, Level] = {}
    waiting: list[tuple[Folder, Level | None]] = [(root, None)]
    while waiting:
        folder, held = waiting.pop()
        if not ticked.differs(folder, held):
            continue
        best = min(Level, key=lambda level: _inside(folder, level, ticked, costs))
        if 1 + _inside(folder, best, ticked, costs) < _inside(folder, held, ticked, costs):
            entries[folder.path] = held = best
        for number in folder.files:
            if ticked.under(number, held) is not ticked.wanted[number]:
                entries[ticked.paths[number]] = ticked.wanted[number]
        waiting.extend((inner, held) for inner in reversed(folder.folders))
    return entries


def _costs(folder: Folder, ticked: Ticked, costs: dict[str, _Cost]) -> _Cost:
    inside = {held: _inside(folder, held, ticked, costs) for held in _HELD}
    with_entry = 1 + min(inside[level] for level in Level)
    return {held: min(count, with_entry) for held, count in inside.items()}


def _inside(folder: Folder, held: Level | None, ticked: Ticked, costs: dict[str, _Cost]) -> int:
    own = sum(ticked.under(number, held) is not ticked.wanted[number] for number in folder.files)
    return own + sum(costs[inner.path][held] for inner in folder.folders)
