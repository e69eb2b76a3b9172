"""All changes of a session, folded from its events: by turn, and by file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from dsterm.core.diff import FileDiff
from dsterm.core.events import Envelope, ToolEnded, TurnStarted
from dsterm.core.tools import Outcome
from dsterm.core.undo_events import Direction, Undone
from dsterm.render.clean import clean_code, clean_line
from dsterm.render.diff import change_counts
from dsterm.render.style import EMPTY, Line, Span, Style, spread
from dsterm.render.wording import format_count

DrawDiff = Callable[[FileDiff, int], list[Line]]
"""Draws one file's change at a width."""


class TurnChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What one turn did to files, in order; `is_undone` while that is taken back. `number` counts the prompts from 1."""

    turn: str
    number: int
    prompt: str
    diffs: tuple[FileDiff, ...] = ()
    is_undone: bool = False


def session_changes(envelopes: Iterable[Envelope]) -> tuple[TurnChanges, ...]:
    """The turns that changed files, oldest first."""
    turns: list[TurnChanges] = []
    for envelope in envelopes:
        match envelope.event:
            case TurnStarted(prompt=prompt):
                turns.append(TurnChanges(turn=envelope.id, number=len(turns) + 1, prompt=prompt))
            case ToolEnded(result=result) if turns and result.outcome is Outcome.DONE and result.diffs:
                turns[-1] = msgspec.structs.replace(turns[-1], diffs=(*turns[-1].diffs, *result.diffs))
            case Undone(turn=turn, direction=direction):
                is_undone = direction is Direction.UNDO
                turns = [
                    msgspec.structs.replace(each, is_undone=is_undone) if each.turn == turn else each for each in turns
                ]
            case _:
                pass
    return tuple(turn for turn in turns if turn.diffs)


def lines_by_turn(turns: Sequence[TurnChanges], width: int, draw: DrawDiff) -> list[Line]:
    """Each turn with its prompt, then its changes."""
    lines: list[Line] = []
    for turn in turns:
        lines += [EMPTY, _heading(turn, turn.diffs, width)] if lines else [_heading(turn, turn.diffs, width)]
        for diff in turn.diffs:
            lines += [EMPTY, *draw(diff, width)]
    return lines


def lines_by_file(turns: Sequence[TurnChanges], width: int, draw: DrawDiff) -> list[Line]:
    """Each file with all that was done to it, turn by turn."""
    files: dict[str, list[tuple[TurnChanges, FileDiff]]] = {}
    for turn in turns:
        for diff in turn.diffs:
            before = files.pop(diff.old_path, []) if diff.old_path else []
            files.setdefault(diff.path, []).extend(before)
            files[diff.path].append((turn, diff))
    lines: list[Line] = []
    for path, changes in sorted(files.items()):
        standing = [diff for turn, diff in changes if not turn.is_undone]
        title = (Span(f" {clean_code(clean_line(path))}", Style.ACCENT, bold=True),)
        lines += [EMPTY, _title(title, standing, width)] if lines else [_title(title, standing, width)]
        for turn, diff in changes:
            lines += [EMPTY, _turn_line(turn, width), *draw(diff, width)]
    return lines


def _heading(turn: TurnChanges, diffs: Sequence[FileDiff], width: int) -> Line:
    files = len({diff.path for diff in diffs})
    note = f"  {format_count(files, 'file')}{'  taken back' if turn.is_undone else ''}"
    left = (
        Span(f" {turn.number}  ", Style.ACCENT, bold=True),
        Span(clean_line(turn.prompt), bold=True),
        Span(note, Style.WARNING if turn.is_undone else Style.DIM),
    )
    return _title(left, diffs, width)


def _turn_line(turn: TurnChanges, width: int) -> Line:
    words = f" {turn.number}  {clean_line(turn.prompt)}"
    undone = (Span("  taken back", Style.WARNING),) if turn.is_undone else ()
    return spread((Span(words, Style.DIM), *undone), (), width - 1)


def _title(left: tuple[Span, ...], diffs: Sequence[FileDiff], width: int) -> Line:
    counts = change_counts(sum(diff.added for diff in diffs), sum(diff.removed for diff in diffs))
    return spread(left, counts, width - 1)
