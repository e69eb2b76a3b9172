"""Where an edit belongs: exact text, or the lines of a hunk; one place only, or a reason that helps to find it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from dsterm.core.diff import LineKind
from dsterm.core.errors import ToolError
from dsterm.tools.patch_model import PatchHunk
from dsterm.tools.truncate import shorten

_QUOTED = 80
_MOST_NUMBERS = 10


def find_text(text: str, wanted: str, *, overlapping: bool) -> list[int]:
    """Every position of `wanted` in `text`; overlapping ones count when a single place has to be certain."""
    step = 1 if overlapping else len(wanted)
    places = []
    place = text.find(wanted)
    while place != -1:
        places.append(place)
        place = text.find(wanted, place + step)
    return places


def line_numbers(text: str, places: Sequence[int]) -> str:
    """The line numbers of positions in `text`, as a list to read."""
    shown = [str(text.count("\n", 0, place) + 1) for place in places[:_MOST_NUMBERS]]
    return ", ".join(shown) + (" …" if len(places) > _MOST_NUMBERS else "")


def why_text_is_missing(text: str, wanted: str) -> str:
    """What the model can do about text that isn't there: where something like it stands, or to read again."""
    lines = text.split("\n")
    looked_for = [line for line in wanted.split("\n") if line.strip()]
    if not looked_for:
        return "It is only white space. Add a line of text to it."
    first = looked_for[0].strip()
    number, tab, rest = looked_for[0].partition("\t")
    if tab and number.strip().isdigit() and any(line.strip() == rest.strip() for line in lines):
        return "It begins with the line number that read shows. Leave number and tab out."
    near = [index for index, line in enumerate(lines, 1) if line.strip() == first]
    if near:
        shown = ", ".join(map(str, near[:_MOST_NUMBERS]))
        return f"Its first line stands at line {shown}, but what follows or the indent differs. Read there and copy it."
    return "No line of the file is like its first one. Read the file again and copy the text exactly."


class FileLines:
    """The lines of a file, with an index, so that every search of a hunk is short."""

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.ends_with_newline = self.lines[-1] == ""
        if self.ends_with_newline:
            self.lines.pop()
        self._places: dict[str, list[int]] = defaultdict(list)
        for index, line in enumerate(self.lines):
            self._places[line].append(index)

    def find(self, wanted: Sequence[str]) -> list[int]:
        """Every index at which all `wanted` lines stand in a row; `wanted` is not empty."""
        offset, rarest = min(enumerate(wanted), key=lambda item: len(self._places.get(item[1], ())))
        starts = (place - offset for place in self._places.get(rarest, ()))
        return [start for start in starts if start >= 0 and self.lines[start : start + len(wanted)] == list(wanted)]

    def nearest(self, wanted: Sequence[str]) -> int | None:
        """The index where most of the `wanted` lines stand as wanted, None when none does."""
        votes: Counter[int] = Counter()
        for offset, line in enumerate(wanted):
            if line.strip():
                votes.update(place - offset for place in self._places.get(line, ())[:1000])
        return max(votes, key=lambda start: (votes[start], -start)) if votes else None

    def block_after(self, anchors: Sequence[str]) -> range | None:
        """The lines that belong to the last of the nested `anchors`: those after it that are indented further.

        None when an anchor is missing, or when it can't be told which of several is meant.
        """
        inside = range(len(self.lines))
        for anchor in anchors:
            found = [index for index in inside if self.lines[index].strip() == anchor.strip()]
            if len(found) != 1:
                return None
            inside = range(found[0] + 1, self._block_end(found[0], inside.stop))
        return inside

    def _block_end(self, start: int, limit: int) -> int:
        indent = _indent(self.lines[start])
        following = range(start + 1, limit)
        return next((i for i in following if self.lines[i].strip() and _indent(self.lines[i]) <= indent), limit)


def place_hunk(file: FileLines, hunk: PatchHunk, label: str) -> int:
    """The index of the first line that `hunk` is about; ToolError, beginning with `label`, unless it is the only one.

    A hunk that fits in several places goes where its line number or its anchor says, and nowhere when they say nothing.
    """
    wanted = [line.text for line in hunk.lines if line.kind is not LineKind.ADDED]
    if not wanted:
        return _place_insertion(file, hunk, label)
    places = file.find(wanted)
    if hunk.is_at_end:
        places = [place for place in places if place + len(wanted) == len(file.lines)]
    if not places:
        raise ToolError(f"{label}: {_why_lines_are_missing(file, wanted)}")
    if len(places) == 1:
        return places[0]
    if hunk.hint - 1 in places:
        return hunk.hint - 1
    block = file.block_after(hunk.anchors) if hunk.anchors else None
    within = [place for place in places if block and place in block]
    if len(within) == 1:
        return within[0]
    shown = ", ".join(str(place + 1) for place in places[:_MOST_NUMBERS])
    raise ToolError(
        f"{label}: its lines stand {len(places)} times, at lines {shown}. Add context until it fits only one."
    )


def _place_insertion(file: FileLines, hunk: PatchHunk, label: str) -> int:
    """Lines are only added: into an empty file, at the end where that is said, or right after a certain anchor."""
    if not file.lines or hunk.is_at_end:
        return len(file.lines)
    # What git writes after the line numbers is the function that the hunk is in, not the line before it.
    block = file.block_after(hunk.anchors) if hunk.anchors and not hunk.hint else None
    if block is not None:
        return block.start
    raise ToolError(f"{label}: it only adds lines and doesn't say where. Give the lines before and after as context.")


def _why_lines_are_missing(file: FileLines, wanted: Sequence[str]) -> str:
    start = file.nearest(wanted)
    if start is None:
        return "none of its context is in the file. Read the file again."
    for index, line in enumerate(wanted, start):
        stands = file.lines[index] if 0 <= index < len(file.lines) else None
        if stands != line:
            found = "there is no such line" if stands is None else f"there stands {shorten(stands, _QUOTED)!r}"
            return f"line {index + 1} should be {shorten(line, _QUOTED)!r}, but {found}. Read there and send it again."
    return "it should be at the end of the file, but more follows. Read the end of the file."


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
