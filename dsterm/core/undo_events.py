"""What the engine announces about going back: files saved before and after a change, changes taken back, the head moved.

Kept beside core.events, whose Event union they belong to.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class SavedFile(msgspec.Struct, frozen=True, kw_only=True):
    """What stood at `path` (relative to the workspace): `blob` names its bytes in the checkpoint store, `mode` is its st_mode.

    Where there was no file, `blob` is empty and `mode` 0.
    """

    path: str
    blob: str = ""
    mode: int = 0

    @property
    def is_there(self) -> bool:
        """Whether there was a file."""
        return bool(self.blob)


class FileChange(msgspec.Struct, frozen=True, kw_only=True):
    """A file before and after a change; `after` None: what the change left is not known. Lines count what differs.

    `is_merged`: the file had been edited by somebody else, and those edits were kept.
    """

    before: SavedFile
    after: SavedFile | None
    added: int = 0
    removed: int = 0
    is_merged: bool = False

    @property
    def path(self) -> str:
        """The file."""
        return self.before.path


class SavedTree(msgspec.Struct, frozen=True, kw_only=True):
    """A saved workspace: the tree of its files, and the blob with the permissions of those that are out of the ordinary."""

    tree: str
    modes: str


class CheckpointSaved(msgspec.Struct, frozen=True, kw_only=True, tag="CheckpointSaved"):
    """These files are safe; only now may they change. `call_id` is the tool call that will change them, empty for /undo.

    `new_folders` are not there yet and will be made for them. `tree` is the whole workspace, for calls that may touch anything.
    """

    call_id: str
    files: tuple[SavedFile, ...]
    new_folders: tuple[str, ...] = ()
    tree: SavedTree | None = None


class ChangesSaved(msgspec.Struct, frozen=True, kw_only=True, tag="ChangesSaved"):
    """What the call left of the files of its checkpoint; one that could not be read is missing.

    For a checkpoint of the whole workspace `before` are the files that changed since, as they were, and `new_folders` those made.
    """

    call_id: str
    files: tuple[SavedFile, ...]
    before: tuple[SavedFile, ...] = ()
    new_folders: tuple[str, ...] = ()


class Direction(StrEnum):
    """Which way files went."""

    UNDO = "undo"
    REDO = "redo"


class Undone(msgspec.Struct, frozen=True, kw_only=True, tag="Undone"):
    """The files that the turn `turn` (the id of its TurnStarted) had changed were taken back, or brought forward again."""

    turn: str
    direction: Direction
    changes: tuple[FileChange, ...]


class Rewound(msgspec.Struct, frozen=True, kw_only=True, tag="Rewound"):
    """The conversation goes on from the envelope `to` (empty: from its beginning), which is this envelope's parent.

    What came after `to` is in the log and in no request any more. `prompt` is that of the turn `turn`, the first one left out.
    """

    to: str
    turn: str
    prompt: str
