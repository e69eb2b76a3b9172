"""What a command changed, from the workspace saved before it: as an event for undo, and after a crash in words."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import msgspec

from dsterm.core.errors import DiskError, GitError, UsageError, WorkspaceError
from dsterm.core.undo_events import ChangesSaved, FileChange, SavedTree
from dsterm.workspace.saved.checkpoints import Checkpoints
from dsterm.workspace.saved.tree_snapshot import TreeSaver

_NAMED = 20
"""Changed files that are named; the others are counted."""


class Aftermath(msgspec.Struct, frozen=True):
    """What stands on disk now, and the sentence that says so."""

    changes: ChangesSaved
    words: str


def after_command(checkpoints: Checkpoints, call_id: str, before: SavedTree) -> Aftermath:
    """What a command that dsterm was killed in left behind, compared with the workspace saved before it."""
    saver = checkpoints.tree_saver()
    started = "dsterm was stopped while this command ran."
    nothing = ChangesSaved(call_id=call_id, files=())
    if saver is None:
        return Aftermath(nothing, f"{started} What it changed is unknown.")
    try:
        # Opening a session is not a coroutine, though it may run inside a loop.
        with ThreadPoolExecutor(1) as pool:
            changes = pool.submit(asyncio.run, _changes_since(saver, before)).result()
    except (UsageError, GitError, DiskError, WorkspaceError) as error:
        return Aftermath(nothing, f"{started} What it changed is unknown: {error}")
    if not changes:
        return Aftermath(nothing, f"{started} No file that git lists has changed since.")
    named = ", ".join(change.path for change in changes[:_NAMED])
    more = f" and {len(changes) - _NAMED} more" if len(changes) > _NAMED else ""
    return Aftermath(changes_saved(call_id, changes), f"{started} Changed since it began: {named}{more}.")


async def _changes_since(saver: TreeSaver, before: SavedTree) -> tuple[FileChange, ...]:
    after = await saver.save()
    return await saver.changes(before, after.saved)


def changes_saved(call_id: str, changes: tuple[FileChange, ...]) -> ChangesSaved:
    """What a command changed, as an event; folders in which nothing stood before count as made by it."""
    added = [change.path for change in changes if not change.before.is_there]
    kept = {parent for change in changes if change.before.is_there for parent in _parents(change.path)}
    folders = dict.fromkeys(parent for path in added for parent in _parents(path) if parent not in kept)
    return ChangesSaved(
        call_id=call_id,
        files=tuple(change.after for change in changes if change.after is not None),
        before=tuple(change.before for change in changes),
        new_folders=tuple(folders),
    )


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]
