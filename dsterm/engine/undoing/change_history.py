"""What the turns of a session did to files, folded from its events: what can be taken back, and what brought forward again."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from dsterm.core.events import Envelope, TurnStarted
from dsterm.core.undo_events import ChangesSaved, CheckpointSaved, Direction, FileChange, SavedFile, Undone


class ChangeSet(msgspec.Struct, frozen=True, kw_only=True):
    """The changes of one turn in the order they were made; `folders` were made for them. `seq` is that of the turn's start."""

    turn: str
    seq: int
    prompt: str
    changes: tuple[FileChange, ...]
    folders: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """The files, each once."""
        return tuple(dict.fromkeys(change.path for change in self.changes))


class ChangeHistory:
    """Two stacks: `done`, what stands on disk, newest last; `undone`, what was taken back, next to come again last."""

    def __init__(self, envelopes: Iterable[Envelope] = ()) -> None:
        self.done: list[ChangeSet] = []
        self.undone: list[ChangeSet] = []
        self.unfinished_undo: CheckpointSaved | None = None
        self._turn = ChangeSet(turn="", seq=0, prompt="", changes=())
        self._open: dict[str, CheckpointSaved] = {}
        for envelope in envelopes:
            self.apply(envelope)

    @property
    def open_checkpoints(self) -> dict[str, CheckpointSaved]:
        """The checkpoints of calls that have not said what they left, by call id."""
        return self._open

    def apply(self, envelope: Envelope) -> None:
        """Fold one event in."""
        match envelope.event:
            case TurnStarted() as event:
                self._turn = ChangeSet(turn=envelope.id, seq=envelope.seq, prompt=event.prompt, changes=())
            case CheckpointSaved() as event if event.call_id:
                self._open[event.call_id] = event
            case CheckpointSaved() as event:
                self.unfinished_undo = event
            case ChangesSaved() as event:
                self._push(event)
            case Undone() as event:
                self._move(event)
            case _:
                pass

    def _push(self, event: ChangesSaved) -> None:
        """What a call changed joins the changes of its turn; nothing that was undone can come again after that."""
        checkpoint = self._open.pop(event.call_id, None)
        if checkpoint is None:
            return
        left = {file.path: file for file in event.files}
        changes = tuple(
            FileChange(before=file, after=left.get(file.path)) for file in (*checkpoint.files, *event.before)
        )
        changes = tuple(change for change in changes if change.before != change.after)
        if not changes:
            return
        self.undone.clear()
        former = self.done.pop() if self.done and self.done[-1].turn == self._turn.turn else self._turn
        folders = tuple(dict.fromkeys((*former.folders, *checkpoint.new_folders, *event.new_folders)))
        whole = msgspec.structs.replace(former, changes=(*former.changes, *changes), folders=folders)
        if folders or not _is_nothing(whole.changes):
            self.done.append(whole)

    def _move(self, event: Undone) -> None:
        self.unfinished_undo = None
        source, target = (self.done, self.undone) if event.direction is Direction.UNDO else (self.undone, self.done)
        moved = next((each for each in reversed(source) if each.turn == event.turn), None)
        if moved is not None:
            source.remove(moved)
            target.append(msgspec.structs.replace(moved, changes=event.changes))


def _is_nothing(changes: tuple[FileChange, ...]) -> bool:
    """Whether every file came back to what it was, without anybody else's edit in between."""
    last: dict[str, SavedFile | None] = {}
    first: dict[str, SavedFile] = {}
    for change in changes:
        if last.setdefault(change.path, change.before) != change.before:
            return False
        first.setdefault(change.path, change.before)
        last[change.path] = change.after
    return first == last
