"""What a question is about as the user looks at it: a change (unified or split, hunk by hunk), a command, a text to edit."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dsterm.core.command_plan import PlannedCommand
from dsterm.core.diff import FileDiff
from dsterm.core.questions import Answer, QuestionAsked
from dsterm.core.review import EDITED, REVIEWED, FileReview, ProposedFile
from dsterm.core.tools import Plan
from dsterm.render.clean import clean_code, clean_line
from dsterm.render.command_details import command_lines, description_lines, place_lines, reason_lines
from dsterm.render.diff import diff_lines
from dsterm.render.split import split_lines
from dsterm.render.style import EMPTY, Line, Span, Style, indented
from dsterm.render.wrap import wrap, wrap_text

_MARGIN = (Span(" "),)
_TEXT_MARGIN = (Span("   "),)
_LONG_COMMAND = 200
_MANY_REASONS = 3


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
    """How the subject of one question is shown, and what the user made of it so far.

    `plan` is what would be done, `texts` what can be edited where that is no change of files.
    """

    def __init__(self, question: QuestionAsked, plan: Plan | None, texts: Sequence[ProposedFile] = ()) -> None:
        self.diffs: tuple[FileDiff, ...] = plan.diffs if plan else ()
        self.command: PlannedCommand | None = plan.command if plan else None
        self.texts = tuple(texts)
        self.walk: Walk | None = None
        self.edits: tuple[FileReview, ...] = ()
        self.is_of_change = bool(self.diffs)
        self._words = question.text
        self._reasons = question.reasons or (plan.concerns if plan and plan.command else ())

    @property
    def has_body(self) -> bool:
        """Whether there is something to look at, beside what is asked."""
        return bool(self.diffs or self.command or self.texts)

    @property
    def is_long(self) -> bool:
        """Whether that may need the whole screen."""
        if self.command is None:
            return bool(self.diffs or self.texts)
        text = self.command.command
        return len(text) > _LONG_COMMAND or "\n" in text or len(self._reasons) > _MANY_REASONS

    def begin_walk(self) -> None:
        """Show the first hunk."""
        self.walk = Walk(self.diffs)

    def edit(self, edits: tuple[FileReview, ...], diffs: Sequence[FileDiff], texts: Sequence[ProposedFile]) -> None:
        """The user wrote something else: `diffs` are what that would change, `texts` what it says now."""
        self.edits, self.diffs, self.texts = edits, tuple(diffs), tuple(texts)

    def edited(self) -> Answer:
        """A yes to what the user wrote."""
        return Answer(answer=EDITED, reviews=self.edits)

    def asked(self, width: int) -> list[Line]:
        """What is asked; for a command where it would run."""
        words = self.walk.words if self.walk is not None else self._words
        asked = wrap((Span(clean_code(clean_line(words))),), max(width - 2, 8))
        lines = indented(asked, _MARGIN, _MARGIN)
        if self.walk is not None or self.command is None:
            return lines
        return [*lines, *place_lines(self.command, width)]

    def said(self, width: int) -> list[Line]:
        """Why it is asked; in the model's words what a command is for."""
        if self.walk is not None:
            return []
        lines = reason_lines(self._reasons, width)
        return [*lines, *description_lines(self.command.description, width)] if self.command is not None else lines

    def body(self, width: int, *, is_split: bool) -> list[Line]:
        """The change, the command or the text itself, all of it."""
        draw = split_lines if is_split else diff_lines
        diffs = (self.walk.shown,) if self.walk is not None else self.diffs
        lines = [line for diff in diffs for line in draw(diff, width)]
        if self.command is not None:
            lines += command_lines(self.command.command, width)
        for file in self.texts:
            text = wrap_text(clean_code(file.text).strip("\n"), max(width - 4, 8), Style.CODE)
            lines += [*([EMPTY] if lines else []), *indented(text, _TEXT_MARGIN, _TEXT_MARGIN)]
        return lines
