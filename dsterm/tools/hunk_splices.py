"""The hunks of one file as splices of its text: each placed in the file as it was before, lines that are kept not touched."""

from __future__ import annotations

from itertools import accumulate, pairwise

import msgspec

from dsterm.core.diff import LineKind
from dsterm.core.errors import ToolError
from dsterm.tools.file_lines import FileLines
from dsterm.tools.hunk_place import Placement, place_hunk
from dsterm.tools.patch_model import FilePatch, PatchHunk
from dsterm.tools.text_file import Splice, TextFile
from dsterm.tools.tolerance import adapt


class HunkSplices(msgspec.Struct, frozen=True, kw_only=True):
    """What the hunks of a file do, and what to tell the model of where they landed."""

    splices: tuple[Splice, ...]
    notes: tuple[str, ...] = ()


def splices_of(file: TextFile, patch: FilePatch) -> HunkSplices:
    """The splices of all hunks of `patch`, in order. ToolError, naming file and hunk, when one has no certain place."""
    texts = {line.text for hunk in patch.hunks for line in hunk.lines}
    lines = FileLines(file, texts | {text.removesuffix("\r") for text in texts})
    starts = [0, *accumulate(len(line) + 1 for line in lines.lines)]
    splices: list[Splice] = []
    notes = []
    for number, hunk in enumerate(patch.hunks, 1):
        label = f"{file.name}, hunk {number} of {len(patch.hunks)}" if len(patch.hunks) > 1 else file.name
        place = place_hunk(lines, hunk, label)
        splices += _HunkWriter(lines, starts, hunk, place, label).splices()
        if place.note:
            notes.append(f"{label}: {place.note}")
    splices.sort(key=lambda splice: (splice.start, splice.end))
    for one, following in pairwise(splices):
        if following.start < one.end or following.start == one.start:
            line = file.text.count("\n", 0, following.start) + 1
            raise ToolError(f"{file.name}: two hunks change the same place, line {line}. Join them into one.")
    return HunkSplices(splices=tuple(splices), notes=tuple(notes))


class _HunkWriter:
    """One placed hunk; `starts` are the positions of the file's lines."""

    def __init__(self, file: FileLines, starts: list[int], hunk: PatchHunk, place: Placement, label: str) -> None:
        self._file = file
        self._starts = starts
        self._hunk = hunk
        self._place = place
        self._label = label

    def splices(self) -> list[Splice]:
        """One splice for each run of removed and added lines."""
        splices = []
        first = last = self._place.start
        removed: list[str] = []
        added: list[str] = []
        for line in (*self._hunk.lines, None):
            if line is not None and line.kind is LineKind.ADDED:
                added.append(line.text)
            elif line is not None and line.kind is LineKind.REMOVED:
                removed.append(line.text)
                last += 1
            else:
                if added or removed:
                    splices.append(self._splice(range(first, last), self._adapted(first, removed, added)))
                first = last = last + 1
                removed, added = [], []
        return splices

    def _adapted(self, first: int, removed: list[str], added: list[str]) -> list[str]:
        if self._place.is_raw:
            return added
        plain_removed, plain_added = ([line.removesuffix("\r") for line in lines] for lines in (removed, added))
        there = self._file.lines[first : first + len(removed)]
        lines = adapt(plain_removed, there, plain_added, self._place.match)
        if lines is None:
            raise ToolError(
                f"{self._label}: it fits at line {first + 1} but for the indent, and its new lines have too little indent to "
                "be moved along. Send it with the indent of the file."
            )
        return lines

    def _splice(self, lines: range, added: list[str]) -> Splice:
        """`added` in place of `lines`; at the end of the file the final newline is a matter of its own."""
        text = "".join(f"{line}\n" for line in added)
        start, end = self._starts[lines.start], self._starts[lines.stop]
        if lines.stop < len(self._file.lines):
            return Splice(start, end, text, is_literal=self._place.is_raw)
        length = self._starts[-1] - (0 if self._file.ends_with_newline or not self._file.lines else 1)
        if start > length:
            start, text = length, f"\n{text}"
        if not self._ends_with_newline():
            if not added and start > 0:
                start -= 1
            text = text.removesuffix("\n").removesuffix("\r" if self._place.is_raw else "")
        return Splice(start, length, text, is_literal=self._place.is_raw)

    def _ends_with_newline(self) -> bool:
        """Whether the file does afterwards: as the hunk says, or else as before."""
        if self._hunk.old_lacks_newline or self._hunk.new_lacks_newline:
            return not self._hunk.new_lacks_newline
        return self._file.ends_with_newline
