"""From planned changes of files to a prepared call: the diffs to approve, and a run that lands them or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import msgspec

from dsterm.core.diff import ChangeKind, FileDiff
from dsterm.core.errors import ToolError
from dsterm.core.tools import Effect, Outcome, Plan, PreparedCall, Progress, ToolResult
from dsterm.core.workspace import Workspace
from dsterm.tools.read_record import ReadRecord
from dsterm.tools.secret_files import resolved, secret_concerns
from dsterm.tools.syntax_check import new_problem

_MOST_PROBLEMS = 10


class FileState(msgspec.Struct, frozen=True, kw_only=True):
    """The content and the permission bits of a file; no content where there is no file, no `mode` for the usual one."""

    data: bytes | None = None
    mode: int | None = None


class FileChange(msgspec.Struct, frozen=True, kw_only=True):
    """A file before and after."""

    before: FileState
    after: FileState


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """Changes that go together, the diffs that show them, and what to tell the model of how they were matched.

    `named` are the files as the model named them.
    `is_whole`: the model gave the whole content, so it need not read the files to know them.
    """

    changes: Mapping[Path, FileChange]
    diffs: tuple[FileDiff, ...]
    named: tuple[str, ...]
    notes: tuple[str, ...] = ()
    is_whole: bool = False


def prepare_changes(workspace: Workspace, record: ReadRecord, planned: Planned) -> PreparedCall:
    """A call that writes all files together, unless one of them is no longer what it was when this was planned."""
    diffs = planned.diffs

    def land() -> list[str]:
        for path, change in planned.changes.items():
            if content_of(workspace, path) != change.before.data:
                raise ToolError(
                    f"{workspace.display(path)} changed on disk while the change was waiting, so nothing was written. "
                    "Read it again, then repeat the change."
                )
        modes = {
            path: change.after.mode
            for path, change in planned.changes.items()
            if change.after.mode is not None and change.after.mode != change.before.mode
        }
        workspace.write_all({path: change.after.data for path, change in planned.changes.items()}, modes)
        for path, change in planned.changes.items():
            _remember(record, path, change, is_whole=planned.is_whole)
        return _problems(workspace, planned.changes)

    async def run(_progress: Progress) -> ToolResult:
        problems = await asyncio.to_thread(land)
        return ToolResult(
            outcome=Outcome.DONE,
            content="\n".join((*map(describe, diffs), *planned.notes, *problems)),
            summary=f"+{sum(diff.added for diff in diffs)} −{sum(diff.removed for diff in diffs)}",
            diffs=diffs,
        )

    subject = diffs[0].path if len(diffs) == 1 else f"{len(diffs)} files"
    changed = {workspace.display(path): path for path in planned.changes}
    concerns = secret_concerns(workspace, {**changed, **resolved(workspace, planned.named)})
    effects = (Effect.WRITE, Effect.SECRETS) if concerns else (Effect.WRITE,)
    return PreparedCall(plan=Plan(effects=effects, subject=subject, diffs=diffs, concerns=concerns), run=run)


def content_of(workspace: Workspace, path: Path) -> bytes | None:
    """The bytes at `path`, None when there is no file."""
    return None if workspace.facts(path) is None else workspace.read(path)


def state_of(workspace: Workspace, path: Path) -> FileState:
    """What stands at `path` now."""
    facts = workspace.facts(path)
    return FileState() if facts is None else FileState(data=workspace.read(path), mode=facts.mode)


def notes_between(before: FileState, after: FileState, diff: FileDiff) -> str:
    """What changes beside the lines: permissions, the final newline, or only line endings."""
    notes = []
    if before.data is None or after.data is None:
        if after.mode is not None and after.mode & 0o100:
            notes.append("executable")
        if after.data and not _ends_with_newline(after.data):
            notes.append("no final newline")
        return ", ".join(notes)
    if before.mode != after.mode and before.mode is not None and after.mode is not None:
        notes.append(f"mode {before.mode:o} → {after.mode:o}")
    ended, ends = (_ends_with_newline(data) for data in (before.data, after.data))
    if ended != ends and before.data and after.data:
        notes.append(f"final newline {'added' if ends else 'removed'}")
    if before.data != after.data and not diff.hunks and not notes:
        notes.append("line endings")
    return ", ".join(notes)


def describe(diff: FileDiff) -> str:
    """One line for the model: `edited src/a.py: +2 −1`."""
    note = f" ({diff.note})" if diff.note else ""
    match diff.kind:
        case ChangeKind.CREATED if diff.old_path:
            return f"copied {diff.old_path} to {diff.path}: +{diff.added}{note}"
        case ChangeKind.CREATED:
            return f"created {diff.path}: +{diff.added}{note}"
        case ChangeKind.DELETED:
            return f"deleted {diff.path}: −{diff.removed}"
        case ChangeKind.RENAMED:
            return f"renamed {diff.old_path} to {diff.path}: +{diff.added} −{diff.removed}{note}"
        case ChangeKind.MODIFIED:
            return f"edited {diff.path}: +{diff.added} −{diff.removed}{note}"


def _ends_with_newline(data: bytes) -> bool:
    # In UTF-16 and UTF-32 zeros stand beside the newline.
    return data.rstrip(b"\0").endswith(b"\n")


def _remember(record: ReadRecord, path: Path, change: FileChange, *, is_whole: bool) -> None:
    """The model knows what it wrote, but of a file that it never read it knows the changed lines only."""
    if change.after.data is None:
        record.forget(path)
    elif is_whole or change.before.data is None or record.is_current(path, change.before.data):
        record.note(path, change.after.data)


def _problems(workspace: Workspace, changes: Mapping[Path, FileChange]) -> list[str]:
    """What no longer parses, file by file."""
    found = [
        f"{workspace.display(path)}: {problem}"
        for path, change in changes.items()
        if (problem := new_problem(path, change.before.data, change.after.data))
    ]
    if len(found) > _MOST_PROBLEMS:
        found[_MOST_PROBLEMS:] = [f"{len(found) - _MOST_PROBLEMS} more files do not parse."]
    return found
