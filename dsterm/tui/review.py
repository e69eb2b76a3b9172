"""The change under question as the user looks at it: unified or split, hunk by hunk, or as it was edited."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dsterm.core.diff import FileDiff
from dsterm.core.questions import Answer
from dsterm.core.review import EDITED, REVIEWED, FileReview
from dsterm.render.clean import clean_line
from dsterm.render.diff import diff_lines
from dsterm.render.split import split_lines
from dsterm.render.style import Line


class Walk:
    """One hunk after the other, kept or left out; a file without hunks counts as one."""

    def __init__(self, diffs: Sequence[FileDiff]) -> None:
        self._diffs = diffs
        self._parts = [(place, index) for place, diff in enumerate(diffs) for index in range(max(1, len(diff.hunks)))]
        self._kept: list[bool] = []

    @property
    def is_over(self) -> bool:
        """Whether every hunk is decided."""
        return len(self._kept) == len(self._parts)

    @property
    def words(self) -> str:
        """Where the walk stands."""
        place, _ = self._parts[len(self._kept)]
        noun = "hunk" if self._diffs[place].hunks else "change"
        path = clean_line(self._diffs[place].path)
        return f"{noun} {len(self._kept) + 1} of {len(self._parts)}: write this one to {path}?"

    @property
    def shown(self) -> FileDiff:
        """The file of the hunk, with this hunk alone."""
        place, index = self._parts[len(self._kept)]
        return msgspec.structs.replace(self._diffs[place], hunks=self._diffs[place].hunks[index : index + 1])

    def take_key(self, key: str) -> bool:
        """Key `y` keeps, `n` leaves out, `a` and `d` do so with all the rest, `b` goes back; False for any other key."""
        match key:
            case "y" | "n":
                self._kept.append(key == "y")
            case "a" | "d":
                self._kept += [key == "a"] * (len(self._parts) - len(self._kept))
            case "b":
                del self._kept[-1:]
            case _:
                return False
        return True

    def answer(self) -> Answer:
        """What was decided."""
        left: dict[str, list[int]] = {}
        for (place, index), is_kept in zip(self._parts, self._kept, strict=True):
            if not is_kept:
                left.setdefault(self._diffs[place].path, []).append(index)
        reviews = tuple(FileReview(path=path, left_out=tuple(indices)) for path, indices in left.items())
        return Answer(answer=REVIEWED, reviews=reviews)


class Review:
    """How one change is shown, and what the user made of it so far."""

    def __init__(self, diffs: Sequence[FileDiff]) -> None:
        self.diffs = tuple(diffs)
        self.walk: Walk | None = None
        self.edits: tuple[FileReview, ...] = ()

    def begin_walk(self) -> None:
        """Show the first hunk."""
        self.walk = Walk(self.diffs)

    def edit(self, diffs: Sequence[FileDiff], edits: tuple[FileReview, ...]) -> None:
        """The user wrote something else: `diffs` are what that would change."""
        self.diffs = tuple(diffs)
        self.edits = edits

    def edited(self) -> Answer:
        """A yes to what the user wrote."""
        return Answer(answer=EDITED, reviews=self.edits)

    def lines(self, width: int, *, is_split: bool) -> list[Line]:
        """What is to be seen, in `width` cells."""
        draw = split_lines if is_split else diff_lines
        diffs = (self.walk.shown,) if self.walk is not None else self.diffs
        return [line for diff in diffs for line in draw(diff, width)]
