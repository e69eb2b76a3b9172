"""What a change that was being written when dsterm was killed did to its files: which are new, which are as they were."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from dsterm.core.diff import ChangeKind, FileDiff, LineKind
from dsterm.core.errors import DiskError
from dsterm.core.tools import Plan
from dsterm.core.undo_events import ChangesSaved, CheckpointSaved, SavedFile
from dsterm.engine.calls.command_changes import Aftermath, after_command
from dsterm.workspace.saved.checkpoints import Checkpoints


class _Fate(StrEnum):
    NEW = "changed as asked"
    OLD = "as before"
    OTHER = "neither as before nor as asked"
    UNREADABLE = "unreadable"


Inspect = Callable[[CheckpointSaved, Plan | None], Aftermath]
"""Looks at the files of a checkpoint whose call never said what it left."""


def inspect(checkpoints: Checkpoints, checkpoint: CheckpointSaved, plan: Plan | None) -> Aftermath:
    """Compare the files of `checkpoint` with what they were and with what `plan` wanted of them."""
    if checkpoint.tree is not None:
        return after_command(checkpoints, checkpoint.call_id, checkpoint.tree)
    now = {file.path: file for file in checkpoints.save_readable(file.path for file in checkpoint.files)}
    fates: dict[_Fate, list[str]] = {}
    for before in checkpoint.files:
        diffs = plan.diffs if plan else ()
        fate = _fate(checkpoints, before, now.get(before.path), diffs)
        fates.setdefault(fate, []).append(before.path)
    words = "; ".join(f"{fate}: {', '.join(fates[fate])}" for fate in _Fate if fate in fates)
    changes = ChangesSaved(call_id=checkpoint.call_id, files=tuple(now.values()))
    return Aftermath(
        changes, f"dsterm was stopped while this change was being written. Every file is whole. On disk now, {words}."
    )


def _fate(checkpoints: Checkpoints, before: SavedFile, now: SavedFile | None, diffs: tuple[FileDiff, ...]) -> _Fate:
    if now is None:
        return _Fate.UNREADABLE
    if now == before:
        return _Fate.OLD
    for diff in diffs:
        if diff.path == before.path:
            is_gone = diff.kind is ChangeKind.DELETED
            return _Fate.NEW if _is_as_asked(checkpoints, before, now, None if is_gone else diff) else _Fate.OTHER
        if diff.old_path == before.path and diff.kind is ChangeKind.RENAMED:
            return _Fate.OTHER if now.is_there else _Fate.NEW
    return _Fate.OTHER


def _is_as_asked(checkpoints: Checkpoints, before: SavedFile, now: SavedFile, diff: FileDiff | None) -> bool:
    """Whether the file has the lines that its diff makes; None asks whether it is gone."""
    if diff is None or not now.is_there:
        return diff is None and not now.is_there
    lines = _lines(_content(checkpoints, now))
    if diff.old_path and diff.old_path != diff.path:
        # What moved here is not in this file's own checkpoint; its changed lines must all be there.
        added = [line.text for hunk in diff.hunks for line in hunk.lines if line.kind is not LineKind.REMOVED]
        return not set(added) - set(lines)
    return lines == _patched(_lines(_content(checkpoints, before)), diff)


def _content(checkpoints: Checkpoints, file: SavedFile) -> bytes:
    try:
        return checkpoints.content(file)
    except DiskError:
        return b""  # The comparison then says that the file is neither.


def _lines(data: bytes) -> list[str]:
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            text = data.decode(encoding, "replace")
            break
    else:
        try:
            text = data.decode()
        except UnicodeDecodeError:
            text = data.decode("latin-1")
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def _patched(lines: list[str], diff: FileDiff) -> list[str]:
    patched: list[str] = []
    place = 0
    for hunk in diff.hunks:
        start = hunk.old_start - 1
        patched += lines[place:start]
        patched += [line.text for line in hunk.lines if line.kind is not LineKind.REMOVED]
        place = start + sum(line.kind is not LineKind.ADDED for line in hunk.lines)
    return patched + lines[place:]
