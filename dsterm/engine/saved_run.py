"""Run a call with the files that it changes saved before, and what it left of them recorded after."""

from __future__ import annotations

import asyncio

from dsterm.core.tools import Plan, PreparedCall, Progress, ToolResult
from dsterm.core.undo_events import ChangesSaved, CheckpointSaved
from dsterm.engine.live import LiveSession


def touched_files(plan: Plan) -> tuple[str, ...]:
    """The files that a call will change, make, delete or move, each once."""
    paths = (path for diff in plan.diffs for path in (diff.old_path, diff.path) if path)
    return tuple(dict.fromkeys(paths))


async def run_saved(live: LiveSession, call_id: str, prepared: PreparedCall, progress: Progress) -> ToolResult:
    """Await `prepared.run`, the files of its plan saved first: CheckpointSaved is on disk before anything changes.

    Raises what `run` raises; WorkspaceError or DiskError when a file can't be saved, and then nothing was run.
    """
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
