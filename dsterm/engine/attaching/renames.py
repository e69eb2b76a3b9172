"""Files that went and files that came, put together where one is the other under a new name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from dsterm.context.told_change import TextChange, lines_of
from dsterm.core.attachments import Level

_MOST_COMPARED = 40
"""Files that went, and files that came, of which pairs are compared by their lines; beyond it only equal ones are found."""

_LEAST_COMMON = 0.5


class FoundChange(msgspec.Struct, frozen=True, kw_only=True):
    """A file that differs: its change as text, and the names of its bytes then and now, `after` empty where there is none."""

    change: TextChange
    level: Level
    before: str
    after: str


def joined_renames(found: Sequence[FoundChange]) -> list[FoundChange]:
    """`found` with each renamed file as one change."""
    gone = [one for one in found if _has_gone(one)]
    come = [one for one in found if _has_come(one)]
    pairs: dict[int, FoundChange] = {}
    if gone and come:
        is_few = len(gone) <= _MOST_COMPARED and len(come) <= _MOST_COMPARED
        for new in come:
            old = _best(gone, new, is_few=is_few)
            if old is not None:
                pairs[id(new)] = old
                gone.remove(old)
    taken = {id(old) for old in pairs.values()}
    kept = (one for one in found if id(one) not in taken)
    return [_renamed(pairs[id(one)], one) if id(one) in pairs else one for one in kept]


def _has_gone(one: FoundChange) -> bool:
    change = one.change
    return one.level is Level.FULL and change.after is None and not change.why and bool(change.before)


def _has_come(one: FoundChange) -> bool:
    return one.level is Level.FULL and not one.before and bool(one.change.after)


def _best(gone: Sequence[FoundChange], new: FoundChange, *, is_few: bool) -> FoundChange | None:
    equal = next((old for old in gone if old.change.before == new.change.after), None)
    if equal is not None or not is_few or not gone:
        return equal
    likely = max(gone, key=lambda old: _common_share(old, new))
    return likely if _common_share(likely, new) >= _LEAST_COMMON else None


def _common_share(old: FoundChange, new: FoundChange) -> float:
    """How much of the lines of the longer one both have."""
    before, after = Counter(lines_of(old.change.before or "")), Counter(lines_of(new.change.after or ""))
    return (before & after).total() / max(before.total(), after.total())


def _renamed(old: FoundChange, new: FoundChange) -> FoundChange:
    change = msgspec.structs.replace(new.change, old_path=old.change.path, before=old.change.before)
    return msgspec.structs.replace(new, change=change, before=old.before)
