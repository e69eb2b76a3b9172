"""Where a hunk belongs: by its lines, at one place only; line number and anchors choose between places, never make one."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dsterm.core.diff import LineKind
from dsterm.core.errors import ToolError
from dsterm.tools.file_lines import FileLines
from dsterm.tools.patch_model import PatchHunk
from dsterm.tools.suggestion import nearest_lines, nearest_place, number_list, quoted_line
from dsterm.tools.tolerance import TOLERANT, Match, Rung, changed_lines, match_lines

_CLEARLY_NEARER = 4
"""A line number that is off chooses a place only when the next one is this many times as far away."""


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    r"""The index of the first line, how the lines match, and what to tell the model. `is_raw`: the `\r` of lines count too."""

    start: int
    match: Match = Match()
    is_raw: bool = False
    note: str = ""


def old_lines(hunk: PatchHunk) -> list[str]:
    """The lines that must stand there, the kept and the removed ones."""
    return [line.text for line in hunk.lines if line.kind is not LineKind.ADDED]


def place_hunk(file: FileLines, hunk: PatchHunk, label: str) -> Placement:
    """The one place of `hunk`; ToolError, beginning with `label`, when there is none or it can't be told which."""
    raw = old_lines(hunk)
    if not raw:
        return Placement(start=_place_insertion(file, hunk, label), is_raw=not file.lines)
    if any(line.text.endswith("\r") for line in hunk.lines):
        at_hint = hunk.hint - 1
        found = [at_hint] if file.stands_raw_at(raw, at_hint) else file.find_raw(raw)
        if places := _at_end(found, file, hunk):
            start, note = _choose(file, hunk, places, label)
            return Placement(start=start, is_raw=True, note=note)
    wanted = [line.removesuffix("\r") for line in raw]
    if file.stands_at(wanted, hunk.hint - 1) and _at_end([hunk.hint - 1], file, hunk):
        return Placement(start=hunk.hint - 1)
    if places := _at_end(file.find(wanted, Rung.EXACT), file, hunk):
        start, note = _choose(file, hunk, places, label)
        return Placement(start=start, note=note)
    for rung in TOLERANT:
        matches = [
            (place, match)
            for place in _at_end(file.find(wanted, rung), file, hunk)
            if (match := match_lines(wanted, file.lines[place : place + len(wanted)], rung))
        ]
        if len(matches) > 1:
            numbers = number_list([place + 1 for place, _ in matches])
            raise ToolError(
                f"{label}: its lines are not there exactly, and {rung} they stand {len(matches)} times, at lines {numbers}. "
                "Copy the lines exactly and add context."
            )
        if matches:
            start, match = matches[0]
            _check_anchors(file, hunk, range(start, start + len(wanted)), label)
            return Placement(start=start, match=match, note=changed_lines(match, start + 1, len(wanted)))
    raise ToolError(f"{label}: {_why_lines_are_missing(file, hunk, wanted)}")


def _at_end(places: list[int], file: FileLines, hunk: PatchHunk) -> list[int]:
    if not hunk.is_at_end:
        return places
    count = len(old_lines(hunk))
    return [place for place in places if place + count == len(file.lines)]


def _choose(file: FileLines, hunk: PatchHunk, places: Sequence[int], label: str) -> tuple[int, str]:
    """The one of `places` that is meant, and what to say of it. ToolError when nothing tells them apart."""
    count = len(old_lines(hunk))
    if len(places) == 1:
        _check_anchors(file, hunk, range(places[0], places[0] + count), label)
        return places[0], ""
    if hunk.hint - 1 in places:
        return hunk.hint - 1, ""
    block = file.block_after(hunk.anchors) if hunk.anchors else None
    within = [place for place in places if block and place + count > block.start - 1 and place < block.stop]
    if len(within) == 1:
        return within[0], ""
    if hunk.hint:
        first, second = sorted(places, key=lambda place: abs(place - hunk.hint + 1))[:2]
        if _CLEARLY_NEARER * abs(first - hunk.hint + 1) <= abs(second - hunk.hint + 1):
            return first, f"landed at line {first + 1}, nearest to the line {hunk.hint} that it gives"
    elif hunk.anchors:
        _check_anchors(file, hunk, range(places[0], len(file.lines)), label)
    raise ToolError(
        f"{label}: its lines stand {len(places)} times, at lines {number_list([place + 1 for place in places])}. "
        "Add context until it fits only one."
    )


def _check_anchors(file: FileLines, hunk: PatchHunk, lines: range, label: str) -> None:
    """ToolError when an anchor is nowhere, or only below the hunk. What git writes after line numbers is no anchor."""
    if hunk.hint:
        return
    for anchor in hunk.anchors:
        found = file.anchor_lines(anchor, range(len(file.lines)))
        if not found:
            near = nearest_place(file, [anchor])
            shown = f" {nearest_lines(file, near, 1)}" if near is not None else ""
            raise ToolError(f"{label}: the file has no line {quoted_line(anchor)!r} as its @@ says.{shown}")
        if found[0] >= lines.stop:
            raise ToolError(
                f"{label}: its lines stand at line {lines.start + 1}, but {quoted_line(anchor)!r}, which its @@ puts before "
                f"them, only at line {found[0] + 1}. Read the file again."
            )


def _place_insertion(file: FileLines, hunk: PatchHunk, label: str) -> int:
    """Lines are only added: into an empty file, at the end where that is said, or right after a certain anchor."""
    if not file.lines or hunk.is_at_end:
        return len(file.lines)
    # What git writes after the line numbers is the function that the hunk is in, not the line before it.
    if hunk.anchors and not hunk.hint:
        _check_anchors(file, hunk, range(len(file.lines), len(file.lines)), label)
        block = file.block_after(hunk.anchors)
        if block is not None:
            return block.start
        found = [place + 1 for place in file.anchor_lines(hunk.anchors[-1], range(len(file.lines)))]
        raise ToolError(
            f"{label}: it can't be told which of the lines {number_list(found)} its @@ means. Give lines around as context."
        )
    raise ToolError(f"{label}: it only adds lines and doesn't say where. Give the lines before and after as context.")


def _why_lines_are_missing(file: FileLines, hunk: PatchHunk, wanted: Sequence[str]) -> str:
    new = [line.text.removesuffix("\r") for line in hunk.lines if line.kind is not LineKind.REMOVED]
    has_new = any(line.kind is LineKind.ADDED and line.text.strip() for line in hunk.lines)
    done = file.find(new, Rung.EXACT) if has_new else []
    if done:
        return f"its new lines stand at line {done[0] + 1} already, so it may be done. Read there to see."
    if hunk.is_at_end and (elsewhere := file.find(wanted, Rung.EXACT)):
        numbers = number_list([place + 1 for place in elsewhere])
        return f"its lines stand at line {numbers}, but more follows there, and it should be at the end of the file."
    if len(wanted) == 1 and "\\n" in wanted[0] and wanted[0].split("\\n")[0] in file.lines:
        return "it has \\n written out as two characters. Send real line ends."
    start = nearest_place(file, wanted)
    if start is None:
        return "none of its context is in the file. Read the file again."
    for index, line in enumerate(wanted, start):
        stands = file.lines[index] if 0 <= index < len(file.lines) else None
        if stands != line:
            found = "there is no such line" if stands is None else f"there stands {quoted_line(stands)!r}"
            shown = nearest_lines(file, start, len(wanted)) if len(wanted) > 1 else ""
            problem = f"line {index + 1} should be {quoted_line(line)!r}, but {found}."
            return f"{problem} Read there and send it again. {shown}".rstrip()
    return "its lines are there, but not where it says. Read the file again."
