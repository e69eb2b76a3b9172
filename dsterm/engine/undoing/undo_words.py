"""The words of undo, redo and rewind: for the reader what changes or changed, for the model what it can't know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dsterm.core.events import Envelope, TurnStarted
from dsterm.core.undo_events import Direction, FileChange, Rewound, Undone
from dsterm.engine.undoing.reversal import Reversal

_TITLE_LENGTH = 50
_MOST_FILES = 12


def title(prompt: str) -> str:
    """The beginning of a prompt on one line."""
    words = " ".join("".join(c if c.isprintable() else " " for c in prompt).split())
    return words if len(words) <= _TITLE_LENGTH else f"{words[: _TITLE_LENGTH - 1]}…"


def done_words(reversal: Reversal, direction: Direction) -> str:
    """What was taken back or brought forward, and how to go the other way."""
    verb, other = ("Took back", "/redo") if direction is Direction.UNDO else ("Brought forward", "/undo")
    turns = reversal.sets
    what = f"“{title(turns[0].prompt)}”" if len(turns) == 1 else f"{len(turns)} turns"
    way = f"{other} {len(turns)}" if len(turns) > 1 else other
    return f"{verb} {what}: {file_words(reversal.changes)}. {way} goes the other way."


def file_words(changes: Sequence[FileChange]) -> str:
    """`a.py +2 −1, b.py deleted`, the first dozen of them; says so when there are none."""
    words = [_file(change) for change in changes[:_MOST_FILES]]
    if len(changes) > _MOST_FILES:
        words.append(f"{len(changes) - _MOST_FILES} more files")
    return ", ".join(words) or "the files are so already"


def collision_words(reversal: Reversal) -> str:
    """Which files would lose edits."""
    return f"Edits would be lost: {'; '.join(reversal.collisions)}."


def model_note(branch: Iterable[Envelope]) -> str:
    """What the model should know of what the user took back since the last prompt; empty when that is nothing."""
    undone: dict[str, None] = {}
    redone: dict[str, None] = {}
    was_rewound = False
    for envelope in branch:
        match envelope.event:
            case TurnStarted():
                undone.clear()
                redone.clear()
                was_rewound = False
            case Undone(direction=Direction.UNDO, changes=changes):
                undone.update((change.path, None) for change in changes)
            case Undone(changes=changes):
                redone.update((change.path, None) for change in changes)
            case Rewound():
                was_rewound = True
            case _:
                pass
    notes = []
    if was_rewound:
        notes.append("[The user went back to this point of the conversation. Files may differ from what you saw.]")
    if undone:
        notes.append(f"[The user took back changes to {', '.join(undone)}. Read them again before you edit them.]")
    if redone:
        notes.append(f"[The user brought forward changes to {', '.join(redone)}. Read them again before you edit.]")
    return "\n".join(notes)


def _file(change: FileChange) -> str:
    if change.after is None or not change.after.is_there:
        return f"{change.path} deleted"
    if not change.before.is_there:
        return f"{change.path} back"
    if change.before.blob == change.after.blob:
        return f"{change.path} permissions"
    merged = " (edits since are kept)" if change.is_merged else ""
    return f"{change.path} +{change.added} −{change.removed}{merged}"
