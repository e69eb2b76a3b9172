"""/undo and /redo: files taken back turn by turn, and brought forward again. Nothing is overwritten that nobody saved."""

from __future__ import annotations

import asyncio

from dsterm.core.errors import UsageError, WorkspaceError
from dsterm.core.events import NoticeLevel
from dsterm.core.questions import Option, QuestionAsked
from dsterm.core.undo_events import CheckpointSaved, Direction, Undone
from dsterm.engine.asking import ask
from dsterm.engine.calls.uninterrupted import uninterrupted
from dsterm.engine.live import LiveSession
from dsterm.engine.questions import DENY
from dsterm.engine.undoing.reversal import Reversal, plan_reversal
from dsterm.engine.undoing.undo_words import collision_words, done_words

_OVERWRITE = "overwrite"


async def undo(live: LiveSession, words: list[str]) -> None:
    """Take back what the last turns that changed files did to them; one turn unless a number says more."""
    await _go(live, words, Direction.UNDO)


async def redo(live: LiveSession, words: list[str]) -> None:
    """Bring forward what /undo took back, one turn unless a number says more."""
    await _go(live, words, Direction.REDO)


async def _go(live: LiveSession, words: list[str], direction: Direction) -> None:
    sets = live.changes.done if direction is Direction.UNDO else live.changes.undone
    count = _count(words, direction)
    if not sets:
        nothing = "No turn of this session changed a file." if direction is Direction.UNDO else "Nothing was undone."
        if live.changes.undone and direction is Direction.UNDO:
            nothing = "Every turn that changed files is undone already; /redo brings one forward again."
        raise UsageError(nothing)
    if count > len(sets):
        way = "undone" if direction is Direction.UNDO else "brought forward"
        raise UsageError(f"Only {len(sets)} of the turns that changed files can be {way}: /{direction} {len(sets)}")
    await go(live, await plan(live, count, direction), direction)


async def plan(live: LiveSession, count: int, direction: Direction) -> Reversal:
    """How the last `count` change sets would go `direction`; nothing changes yet."""
    sets = live.changes.done if direction is Direction.UNDO else live.changes.undone
    newest_first = sets[len(sets) - count :][::-1]
    return await asyncio.to_thread(plan_reversal, live.parts.checkpoints, newest_first)


async def go(live: LiveSession, reversal: Reversal, direction: Direction) -> bool:
    """Carry it out, after an explicit yes where edits of the user's would be lost; False when that is refused."""
    if reversal.collisions and not await _may_overwrite(live, reversal):
        live.notice("Nothing was changed.")
        return False
    await uninterrupted(_carry_out(live, reversal, direction))
    return True


async def _may_overwrite(live: LiveSession, reversal: Reversal) -> bool:
    words = collision_words(reversal)
    if not live.parts.can_ask:
        raise WorkspaceError(f"{words} Nothing was changed, as nobody can be asked in this run.")
    question = QuestionAsked(
        id=live.parts.new_id(),
        text=f"{words} Overwrite?",
        options=(
            Option(key="y", answer=_OVERWRITE, label="yes, overwrite"),
            Option(key="n", answer=DENY, label="no, change nothing"),
        ),
    )
    return (await ask(live, question)).answer == _OVERWRITE


async def _carry_out(live: LiveSession, reversal: Reversal, direction: Direction) -> None:
    checkpoints = live.parts.checkpoints
    before = tuple(change.before for change in reversal.changes)
    after = tuple(change.after for change in reversal.changes if change.after is not None)
    paths = tuple(file.path for file in before)
    live.emit(CheckpointSaved(call_id="", files=before, new_folders=checkpoints.missing_folders(paths)))
    with checkpoints.writing(live.journal.session_id, paths, ()):
        await asyncio.to_thread(checkpoints.restore, after, before)
        settle = checkpoints.drop_folders if direction is Direction.UNDO else checkpoints.make_folders
        await asyncio.to_thread(settle, reversal.folders)
    for changes, step in zip(reversal.sets, reversal.steps, strict=True):
        live.emit(Undone(turn=changes.turn, direction=direction, changes=step))
    live.repo = await live.parts.repo_state()
    is_merged = any(change.is_merged for change in reversal.changes)
    live.notice(done_words(reversal, direction), NoticeLevel.WARNING if is_merged else NoticeLevel.INFO)


def _count(words: list[str], direction: Direction) -> int:
    if not words:
        return 1
    if len(words) > 1 or not words[0].isascii() or not words[0].isdigit() or int(words[0]) < 1:
        raise UsageError(f"/{direction} takes a number of turns, or nothing for one.")
    return int(words[0])
