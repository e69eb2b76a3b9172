"""Run a call with what it changes saved before, and what it left recorded after: files of its plan, or the whole workspace."""

from __future__ import annotations

import asyncio

from dsterm.core.errors import DiskError, GitError, UsageError, WorkspaceError
from dsterm.core.events import NoticeLevel
from dsterm.core.tools import Effect, Plan, PreparedCall, Progress, ToolResult
from dsterm.core.undo_events import ChangesSaved, CheckpointSaved
from dsterm.engine.calls.command_changes import changes_saved
from dsterm.engine.calls.uninterrupted import uninterrupted
from dsterm.engine.live import LiveSession
from dsterm.workspace.saved.tree_snapshot import TreeSaver, TreeSnapshot


def touched_files(plan: Plan) -> tuple[str, ...]:
    """The files that a call will change, make, delete or move, each once."""
    paths = (path for diff in plan.diffs for path in (diff.old_path, diff.path) if path)
    return tuple(dict.fromkeys(paths))


async def run_saved(live: LiveSession, call_id: str, prepared: PreparedCall, progress: Progress) -> ToolResult:
    """Await `prepared.run`, what it may change saved first: CheckpointSaved is on disk before anything changes.

    Raises what `run` raises; WorkspaceError or DiskError when a file can't be saved, and then nothing was run.
    """
    if {Effect.EXECUTE, Effect.OUTSIDE} & set(prepared.plan.effects):
        return await _run_command(live, call_id, prepared, progress)
    paths = touched_files(prepared.plan)
    if not paths:
        return await prepared.run(progress)
    checkpoints = live.parts.checkpoints
    files = await asyncio.to_thread(checkpoints.save, paths)
    new_folders = checkpoints.missing_folders(paths)
    live.emit(CheckpointSaved(call_id=call_id, files=files, new_folders=new_folders))
    try:
        with checkpoints.writing(live.journal.session_id, paths, new_folders):
            return await prepared.run(progress)
    finally:
        left = await asyncio.to_thread(checkpoints.save_readable, paths)
        live.emit(ChangesSaved(call_id=call_id, files=left))


async def _run_command(live: LiveSession, call_id: str, prepared: PreparedCall, progress: Progress) -> ToolResult:
    """A command may touch anything, so everything that git would list is saved; outside of git it can't be taken back."""
    saver = live.parts.checkpoints.tree_saver()
    before = await _saved(live, saver) if saver else None
    if saver is None or before is None:
        return await prepared.run(progress)
    live.emit(CheckpointSaved(call_id=call_id, files=(), tree=before.saved))
    try:
        return await prepared.run(progress)
    finally:
        await uninterrupted(_record_changes(live, call_id, saver, before))


async def _saved(live: LiveSession, saver: TreeSaver) -> TreeSnapshot | None:
    """The workspace, or None where it can't be saved: the user was told, and the command may still run."""
    try:
        return await saver.save()
    except UsageError:
        return None
    except (GitError, DiskError, WorkspaceError) as error:
        if not live.has_warned_of_tree:
            live.has_warned_of_tree = True
            live.notice(f"What commands change can't be undone here: {error}", NoticeLevel.WARNING)
        return None


async def _record_changes(live: LiveSession, call_id: str, saver: TreeSaver, before: TreeSnapshot) -> None:
    live.emit(await _changes(live, call_id, saver, before))


async def _changes(live: LiveSession, call_id: str, saver: TreeSaver, before: TreeSnapshot) -> ChangesSaved:
    try:
        after = await saver.save()
        changes = await saver.changes(before.saved, after.saved)
    except (UsageError, GitError, DiskError, WorkspaceError) as error:
        live.notice(f"What the command changed could not be saved for /undo: {error}", NoticeLevel.WARNING)
        return ChangesSaved(call_id=call_id, files=())
    return changes_saved(call_id, changes)
