"""/rewind: back to before any prompt, with the files, the conversation or both; first it shows what would change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from dsterm.core.errors import UsageError
from dsterm.core.events import Envelope, ToolEnded, TurnStarted
from dsterm.core.questions import Option, QuestionAsked
from dsterm.core.tools import Outcome
from dsterm.core.undo_events import Direction, Rewound
from dsterm.engine.asking import ask
from dsterm.engine.branch import branch
from dsterm.engine.live import LiveSession
from dsterm.engine.questions import DENY
from dsterm.engine.undoing.reversal import Reversal
from dsterm.engine.undoing.undo import go, plan
from dsterm.engine.undoing.undo_words import collision_words, file_words, title

FILES, CONVERSATION, BOTH = "files", "conversation", "both"
_WAYS = (FILES, CONVERSATION, BOTH)


class RewindPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt to go back to: its number from 1, and the lines and files that its turn changed. `parent` is what it followed."""

    number: int
    turn: str
    parent: str
    seq: int
    at: datetime
    prompt: str
    added: int = 0
    removed: int = 0
    files: int = 0


def rewind_points(envelopes: Sequence[Envelope]) -> tuple[RewindPoint, ...]:
    """The prompts of the conversation as it stands, oldest first."""
    points: list[RewindPoint] = []
    paths: set[str] = set()
    for envelope in branch(envelopes):
        match envelope.event:
            case TurnStarted(prompt=prompt):
                paths = set()
                point = RewindPoint(
                    number=len(points) + 1,
                    turn=envelope.id,
                    parent=envelope.parent,
                    seq=envelope.seq,
                    at=envelope.at,
                    prompt=prompt,
                )
                points.append(point)
            case ToolEnded(result=result) if points and result.outcome is Outcome.DONE and result.diffs:
                paths.update(diff.path for diff in result.diffs)
                points[-1] = msgspec.structs.replace(
                    points[-1],
                    added=points[-1].added + sum(diff.added for diff in result.diffs),
                    removed=points[-1].removed + sum(diff.removed for diff in result.diffs),
                    files=len(paths),
                )
            case _:
                pass
    return tuple(points)


async def rewind(live: LiveSession, words: list[str]) -> None:
    """`/rewind` lists the prompts, `/rewind N` shows what would change and asks, `/rewind N both` shows it and goes."""
    points = rewind_points(live.journal.envelopes)
    if not points:
        raise UsageError("There is no prompt yet to go back to.")
    if not words:
        live.notice(_list(points))
        return
    point = _chosen(points, words)
    count = sum(each.seq >= point.seq for each in live.changes.done)
    reversal = await plan(live, count, Direction.UNDO)
    live.notice(_preview(points, point, reversal))
    way = words[1] if len(words) > 1 else await _asked(live, point, reversal)
    if way in {FILES, BOTH} and count and not await go(live, reversal, Direction.UNDO):
        return
    if way in {CONVERSATION, BOTH}:
        live.emit(Rewound(to=point.parent, turn=point.turn, prompt=point.prompt))
        live.notice(f"The conversation is back before prompt {point.number}; what came after it stays in the log.")
    elif way == FILES and not count:
        live.notice("The files stand as they did then, so nothing was taken back.")


def _chosen(points: Sequence[RewindPoint], words: list[str]) -> RewindPoint:
    number, *ways = words
    if len(ways) > 1 or any(way not in _WAYS for way in ways):
        raise UsageError(f"/rewind {number} takes one of: {', '.join(_WAYS)}")
    if not (number.isascii() and number.isdigit() and 1 <= int(number) <= len(points)):
        raise UsageError(f"There is no prompt {number[:20]}. /rewind lists them: 1 to {len(points)}.")
    return points[int(number) - 1]


async def _asked(live: LiveSession, point: RewindPoint, reversal: Reversal) -> str:
    if not live.parts.can_ask:
        live.notice(f"Say which: /rewind {point.number} files, conversation or both.")
        return DENY
    labels = [(CONVERSATION, "c", "conversation only")]
    if reversal.sets:
        labels = [(BOTH, "b", "files and conversation"), (FILES, "f", "files only"), *labels]
    options = [Option(key=key, answer=answer, label=label) for answer, key, label in labels]
    question = QuestionAsked(
        id=live.parts.new_id(),
        text=f"Go back to before “{title(point.prompt)}”?",
        options=(*options, Option(key="n", answer=DENY, label="no, stay here")),
    )
    return (await ask(live, question)).answer


def _list(points: Sequence[RewindPoint]) -> str:
    lines = ["/rewind N goes back to before prompt N, with a look at what would change:"]
    for point in points:
        changed = ""
        if point.files:
            changed = f"  +{point.added} −{point.removed} in {point.files} file{'s' if point.files > 1 else ''}"
        lines.append(f"{point.number:>4}  {title(point.prompt)}{changed}")
    return "\n".join(lines)


def _preview(points: Sequence[RewindPoint], point: RewindPoint, reversal: Reversal) -> str:
    left = len(points) - point.number + 1
    lines = [
        f"Back to before prompt {point.number}, “{title(point.prompt)}”:",
        f"conversation  {left} prompt{'s' if left > 1 else ''} and what followed leave it",
        f"files         {file_words(reversal.changes) if reversal.sets else 'stand as they did then'}",
    ]
    if reversal.collisions:
        lines.append(collision_words(reversal))
    return "\n".join(lines)
