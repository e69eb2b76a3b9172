"""From planned changes of files to a prepared call: the diffs to approve, and a run that lands them or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import msgspec

from dsterm.core.diff import ChangeKind, DiffLine, FileDiff, Hunk, LineKind, diff_texts
from dsterm.core.errors import ToolError
from dsterm.core.tools import Effect, Outcome, Plan, PreparedCall, Progress, ToolResult
from dsterm.core.workspace import Workspace
from dsterm.tools.read_record import ReadRecord

_CONTEXT = 3
_MOST_COMPARED = 20_000
"""Lines that are compared one by one; beyond it the comparison would take minutes, and nobody would read it."""


class FileBytes(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a file before and after; None where there is no file."""

    before: bytes | None
    after: bytes | None


def prepare_changes(
    workspace: Workspace, record: ReadRecord, files: Mapping[Path, FileBytes], diffs: tuple[FileDiff, ...]
) -> PreparedCall:
    """A call that writes `files` together, unless one of them is no longer what it was when this was planned."""

    def land() -> None:
        for path, content in files.items():
            if content_of(workspace, path) != content.before:
                raise ToolError(
                    f"{workspace.display(path)} changed on disk while the change was waiting, so nothing was written. "
                    "Read it again, then repeat the change."
                )
        workspace.write_all({path: content.after for path, content in files.items()})
        for path, content in files.items():
            _remember(record, path, content)

    async def run(_progress: Progress) -> ToolResult:
        await asyncio.to_thread(land)
        return ToolResult(
            outcome=Outcome.DONE,
            content="\n".join(map(describe, diffs)),
            summary=f"+{sum(diff.added for diff in diffs)} −{sum(diff.removed for diff in diffs)}",
            diffs=diffs,
        )

    subject = diffs[0].path if len(diffs) == 1 else f"{len(diffs)} files"
    return PreparedCall(plan=Plan(effects=(Effect.WRITE,), subject=subject, diffs=diffs), run=run)


def content_of(workspace: Workspace, path: Path) -> bytes | None:
    """The bytes at `path`, None when there is no file."""
    return None if workspace.facts(path) is None else workspace.read(path)


def describe(diff: FileDiff) -> str:
    """One line for the model: `edited src/a.py: +2 −1`."""
    match diff.kind:
        case ChangeKind.CREATED:
            return f"created {diff.path}: +{diff.added}"
        case ChangeKind.DELETED:
            return f"deleted {diff.path}: −{diff.removed}"
        case ChangeKind.RENAMED:
            return f"renamed {diff.old_path} to {diff.path}: +{diff.added} −{diff.removed}"
        case ChangeKind.MODIFIED:
            return f"edited {diff.path}: +{diff.added} −{diff.removed}"


def diff_of(path: str, before: str | None, after: str | None, *, old_path: str = "") -> FileDiff:
    """The diff of two texts, comparing only what lies between their common first and last lines."""
    old, new = (before or "").split("\n"), (after or "").split("\n")
    first = _common(old, new, backwards=False)
    last = _common(old[first:], new[first:], backwards=True)
    start, end = max(0, first - _CONTEXT), max(0, last - _CONTEXT)
    old_part, new_part = old[start : len(old) - end], new[start : len(new) - end]
    whole = diff_texts(path, None if before is None else "", None if after is None else "", old_path=old_path)
    is_too_long = len(old_part) + len(new_part) > _MOST_COMPARED
    compared = None if is_too_long else diff_texts(path, "\n".join(old_part), "\n".join(new_part), context=_CONTEXT)
    hunks = compared.hunks if compared else (_all_replaced(old_part, new_part),)
    moved = (
        msgspec.structs.replace(hunk, old_start=hunk.old_start + start, new_start=hunk.new_start + start)
        for hunk in hunks
    )
    return msgspec.structs.replace(whole, hunks=tuple(moved))


def _common(old: list[str], new: list[str], *, backwards: bool) -> int:
    pairs = zip(reversed(old), reversed(new), strict=False) if backwards else zip(old, new, strict=False)
    return next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(old), len(new)))


def _all_replaced(old: list[str], new: list[str]) -> Hunk:
    """One hunk for everything; the empty piece after a final newline is no line."""
    removed = tuple(DiffLine(LineKind.REMOVED, text) for text in (old[:-1] if old[-1] == "" else old))
    added = tuple(DiffLine(LineKind.ADDED, text) for text in (new[:-1] if new[-1] == "" else new))
    return Hunk(old_start=1, new_start=1, lines=(*removed, *added))


def _remember(record: ReadRecord, path: Path, content: FileBytes) -> None:
    """The model knows what it wrote, but of a file that it never read it knows the changed lines only."""
    if content.after is None:
        record.forget(path)
    elif content.before is None or record.is_current(path, content.before):
        record.note(path, content.after)
