"""The one model of a change to a file: tools make it, the approval shows it, the session keeps it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from enum import StrEnum

import msgspec


class ChangeKind(StrEnum):
    """What happens to a file."""

    CREATED = "created"
    MODIFIED = "modified"
    DELETED = "deleted"
    RENAMED = "renamed"


class LineKind(StrEnum):
    """Where a line of a hunk stands: in both texts, only in the new one, or only in the old one."""

    CONTEXT = " "
    ADDED = "+"
    REMOVED = "-"


class DiffLine(msgspec.Struct, frozen=True, array_like=True):
    """One line of a hunk, without its line ending."""

    kind: LineKind
    text: str


class Hunk(msgspec.Struct, frozen=True, kw_only=True):
    """Neighbouring changed lines with their context; line numbers count from 1."""

    old_start: int
    new_start: int
    lines: tuple[DiffLine, ...]


class FileDiff(msgspec.Struct, frozen=True, kw_only=True):
    """The change of one file; `path` is relative to the workspace, `old_path` is set for a rename, and for a copy.

    `note` tells what changes beside the lines (`mode 644 → 755`, `final newline removed`), if anything does.
    """

    path: str
    kind: ChangeKind
    hunks: tuple[Hunk, ...] = ()
    old_path: str = ""
    note: str = ""

    @property
    def added(self) -> int:
        """Number of added lines."""
        return sum(line.kind is LineKind.ADDED for hunk in self.hunks for line in hunk.lines)

    @property
    def removed(self) -> int:
        """Number of removed lines."""
        return sum(line.kind is LineKind.REMOVED for hunk in self.hunks for line in hunk.lines)


def diff_texts(path: str, before: str | None, after: str | None, *, old_path: str = "", context: int = 3) -> FileDiff:
    """The change of `path` from `before` to `after`; None stands for a file that isn't there."""
    old = _lines(before or "")
    new = _lines(after or "")
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    hunks = tuple(_hunk(group, old, new) for group in matcher.get_grouped_opcodes(context))
    if before is None:
        kind = ChangeKind.CREATED
    elif after is None:
        kind = ChangeKind.DELETED
    else:
        kind = ChangeKind.RENAMED if old_path else ChangeKind.MODIFIED
    return FileDiff(path=path, kind=kind, hunks=hunks, old_path=old_path)


def _lines(text: str) -> list[str]:
    r"""Lines without their `\\n` or `\\r\\n`; nothing else ends a line."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


_Opcode = tuple[str, int, int, int, int]


def _hunk(group: list[_Opcode], old: list[str], new: list[str]) -> Hunk:
    return Hunk(
        old_start=group[0][1] + 1,
        new_start=group[0][3] + 1,
        lines=tuple(line for opcode in group for line in _changed_lines(opcode, old, new)),
    )


def _changed_lines(opcode: _Opcode, old: list[str], new: list[str]) -> Iterator[DiffLine]:
    tag, old_from, old_to, new_from, new_to = opcode
    if tag == "equal":
        yield from (DiffLine(LineKind.CONTEXT, text) for text in old[old_from:old_to])
        return
    yield from (DiffLine(LineKind.REMOVED, text) for text in old[old_from:old_to])
    yield from (DiffLine(LineKind.ADDED, text) for text in new[new_from:new_to])
