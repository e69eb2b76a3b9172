"""What going back would make of the files: each change taken back in turn, other people's edits since kept where they can be.

Nothing is written here but saved bytes; meant for a thread.
"""

from __future__ import annotations

import stat
from collections.abc import Sequence

import msgspec

from dsterm.core.undo_events import FileChange, SavedFile
from dsterm.engine.undoing.change_history import ChangeSet
from dsterm.workspace.saved.checkpoints import Checkpoints
from dsterm.workspace.saved.merge import count_changes, merge


class Reversal(msgspec.Struct, frozen=True, kw_only=True):
    """`changes` are the files' way from now to then, all sets together; `steps` the same for each of `sets` by itself.

    `collisions` says of each file that can't keep the edits since why it can't; `changes` would overwrite those.
    """

    sets: tuple[ChangeSet, ...]
    steps: tuple[tuple[FileChange, ...], ...]
    changes: tuple[FileChange, ...]
    collisions: tuple[str, ...]

    @property
    def folders(self) -> tuple[str, ...]:
        """Folders that were made for the changes, and go when they come out empty."""
        return tuple(dict.fromkeys(folder for each in self.sets for folder in each.folders))


def plan_reversal(checkpoints: Checkpoints, sets: Sequence[ChangeSet]) -> Reversal:
    """How to take back `sets`, the newest first; WorkspaceError or DiskError when a file can't be read or is no longer kept."""
    simulation = _Simulation(checkpoints)
    steps = tuple(simulation.take_back(each) for each in sets)
    return Reversal(
        sets=tuple(sets), steps=steps, changes=simulation.changes(), collisions=tuple(simulation.collisions.values())
    )


class _Simulation:
    """The files as they would be after what was taken back so far."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._checkpoints = checkpoints
        self._on_disk: dict[str, SavedFile] = {}
        self._files: dict[str, SavedFile] = {}
        self._merged: set[str] = set()
        self.collisions: dict[str, str] = {}

    def take_back(self, changes: ChangeSet) -> tuple[FileChange, ...]:
        """Take back one set; what that does to each of its files."""
        starts = {path: self._file(path) for path in changes.paths}
        for change in reversed(changes.changes):
            self._files[change.path] = self._reverted(change)
        return tuple(self._net(path, start, changes) for path, start in starts.items())

    def changes(self) -> tuple[FileChange, ...]:
        """Every file that comes out different."""
        return tuple(
            self._change(now, self._files[path]) for path, now in self._on_disk.items() if now != self._files[path]
        )

    def _net(self, path: str, start: SavedFile, changes: ChangeSet) -> FileChange:
        end = self._files[path]
        if start == end:
            # It had been taken back by hand, or by an undo that was killed: bringing it forward again is still possible.
            own = [change.after for change in changes.changes if change.path == path]
            return self._change(own[-1] or start, end)
        return self._change(start, end)

    def _file(self, path: str) -> SavedFile:
        if path not in self._files:
            self._on_disk[path] = self._files[path] = self._checkpoints.now(path)
        return self._files[path]

    def _reverted(self, change: FileChange) -> SavedFile:
        now = self._file(change.path)
        if now in {change.before, change.after}:
            return change.before
        merged = self._merge(change, now)
        if merged is not None:
            self._merged.add(change.path)
            return merged
        self.collisions[change.path] = f"{change.path} {_why(change, now)}"
        return change.before

    def _merge(self, change: FileChange, now: SavedFile) -> SavedFile | None:
        """The file with the change taken back and everything else kept, or None."""
        left = change.after
        if left is None or not (left.is_there and change.before.is_there and now.is_there):
            return None
        if any(stat.S_ISLNK(version.mode) for version in (left, now, change.before)):
            return None  # What a link says are no lines.
        content = self._checkpoints.content
        data = merge(content(left), content(now), content(change.before))
        mode = change.before.mode if now.mode == left.mode else now.mode
        return None if data is None else self._checkpoints.keep(change.path, data, mode)

    def _change(self, before: SavedFile, after: SavedFile) -> FileChange:
        added, removed = count_changes(self._checkpoints.content(before), self._checkpoints.content(after))
        is_merged = before.path in self._merged
        return FileChange(before=before, after=after, added=added, removed=removed, is_merged=is_merged)


def _why(change: FileChange, now: SavedFile) -> str:
    if change.after is None:
        return "could not be read after the change, so nobody knows what was edited since"
    if not now.is_there:
        return "was deleted since"
    if not change.before.is_there:
        return "was edited since, and would be deleted"
    if not change.after.is_there:
        return "was made anew since, with other content"
    return "was edited since in the same places"
