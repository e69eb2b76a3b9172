"""What of a source is ticked, file by file, and what that comes to in every folder. Pure; a change costs a few milliseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from itertools import accumulate
from operator import mul

import msgspec

from dsterm.context.choice import frame_tokens, levels
from dsterm.core.attachments import Level, PackChoice, Preset, SourceFile, Survey
from dsterm.core.left_out_reasons import is_final
from dsterm.tui.attach.entries import Ticked, fewest_entries
from dsterm.tui.attach.folders import Folder, build_folders

_BYTES_PER_TOKEN = 3.6
"""Of source text, on average; for files that are not counted yet."""

_OUTLINE_SHARE = 0.2
"""What an outline has of a text's tokens, roughly; until it was made."""


# The columns of the running totals that are asked for alone.
_ALL_TOKENS, _TOKENS = 0, 3


class Box(StrEnum):
    """The state of a row's check box."""

    IN = "in"
    PARTLY = "partly"
    OUT = "out"


class Sum(msgspec.Struct, frozen=True, gc=False):
    """What a file or a folder comes to: `tokens` go in (about that many where `is_guess`), of `all_tokens` that ticking
    it takes: in a folder without what something speaks against.

    Nothing can be said about files of which not even the size is known: `unknown` of those that go in, `all_unknown` of all.

    `files` go in. `outlined` and `listed` are those of them of which only that goes in.
    """

    tokens: int
    all_tokens: int
    files: int
    outlined: int
    listed: int
    is_guess: bool
    unknown: int
    all_unknown: int
    box: Box

    @property
    def level(self) -> Level | None:
        """The level of all that goes in; None where that differs."""
        if not self.files:
            return Level.OUT
        if self.outlined == self.files:
            return Level.OUTLINE
        if self.listed == self.files:
            return Level.LISTED
        return None if self.outlined or self.listed else Level.FULL


def span(target: Folder | int) -> tuple[int, int]:
    """The numbers of its files: the first, and the one after the last."""
    return (target, target + 1) if isinstance(target, int) else (target.start, target.end)


class AttachTree:
    """The files of one survey and the level of each. `revision` counts the changes.

    `outlines` are tokens of outlines by path, as far as known. `shown`, if set, marks by number the files that a filter shows:
    sums are those of the shown files then, and only they are ticked.
    """

    def __init__(self, survey: Survey, choice: PackChoice, outlines: Mapping[str, int] | None = None) -> None:
        self.survey = survey
        self.files: Sequence[SourceFile] = survey.files
        self.root: Folder = build_folders(survey)
        self.outlines: dict[str, int] = dict(outlines or {})
        self.shown: bytearray | None = None
        self.revision = 0
        self._is_usual = bytearray()
        self._marks: tuple[tuple[str, ...], bool] | None = None
        self._is_final = bytearray(bool(file.reason) and is_final(file.reason) for file in survey.files)
        self._is_unknown = bytearray(
            file.tokens < 0 and file.size < 0 and not final
            for file, final in zip(survey.files, self._is_final, strict=True)
        )
        self._full = [self._full_tokens(file) for file in survey.files]
        self.use(choice)

    def use(self, choice: PackChoice) -> None:
        """Tick what `choice` says; UsageError for a glob that can't be read."""
        untouched = msgspec.structs.replace(choice, levels={})
        self._choice = untouched
        self._untouched = levels(self.survey, untouched)
        self.levels = levels(self.survey, choice) if choice.levels else list(self._untouched)
        # No preset changes what a folder's entry brings in.
        marks = (choice.include, choice.takes_secrets)
        if marks != self._marks:
            self._marks = marks
            by_folder = levels(self.survey, msgspec.structs.replace(choice, levels={"": Level.OUTLINE}))
            self._is_usual = bytearray(level is Level.OUTLINE for level in by_folder)
        self._put_all()

    def use_preset(self, preset: Preset) -> None:
        """Tick what `preset` means, and nothing by hand."""
        self.use(msgspec.structs.replace(self._choice, preset=preset, since="", levels={}))

    def choice(self) -> PackChoice:
        """What was ticked, with as few levels as say it."""
        ticked = Ticked(self.levels, self._untouched, self._is_usual, [file.path for file in self.files])
        return msgspec.structs.replace(self._choice, levels=fewest_entries(self.root, ticked))

    @property
    def rule(self) -> PackChoice:
        """What holds for files that nobody ticked by hand."""
        return self._choice

    @cached_property
    def sources(self) -> list[int]:
        """How many of the files before each are source code."""
        kinds = levels(self.survey, PackChoice(preset=Preset.SOURCE))
        return list(accumulate((level is Level.FULL for level in kinds), initial=0))

    def can_tick(self, number: int) -> bool:
        """Whether the file may go in at all."""
        return not self._is_final[number]

    def is_uncounted_document(self, number: int) -> bool:
        """Whether it is a document that goes in, of which no text was taken so far to be counted."""
        file = self.files[number]
        is_text = self.levels[number] in {Level.FULL, Level.OUTLINE}
        return is_text and file.tokens < 0 and file.path in self.survey.documents

    def show_only(self, shown: bytearray | None) -> None:
        """Sum and tick only the files marked in `shown`; None: all."""
        self.shown = shown
        self._static = self._static_totals()
        self._sum_shown()

    def toggle(self, target: Folder | int) -> None:
        """Tick it, all of it; what was all in goes out. Outlined and listed files stay so where the rest joins them."""
        numbers = self._numbers(target)
        if self.sum(target).box is Box.IN:
            self._set(numbers, Level.OUT, by_hand=False)
        else:
            out = [number for number in numbers if self.levels[number] is Level.OUT]
            self._set(out, Level.FULL, by_hand=isinstance(target, int))

    def set_level(self, target: Folder | int, level: Level) -> None:
        """Put the file, or all that is ticked in the folder, at `level`; where nothing is ticked there, all of it."""
        numbers = self._numbers(target)
        ticked = [number for number in numbers if self.levels[number] is not Level.OUT]
        self._set(ticked or numbers, level, by_hand=isinstance(target, int))

    def leave_out(self, targets: Sequence[Folder | int]) -> None:
        """Untick all of them, whatever a filter shows."""
        for target in targets:
            self._set(range(*span(target)), Level.OUT, by_hand=False)

    def add_outlines(self, tokens: Mapping[str, int]) -> None:
        """Outlines were made."""
        self.outlines.update(tokens)
        self._put_all()

    def missing_outlines(self) -> list[str]:
        """Files that go in as outlines which nobody has made yet."""
        pairs = zip(self.files, self.levels, strict=True)
        return [file.path for file, level in pairs if level is Level.OUTLINE and file.path not in self.outlines]

    def sum(self, target: Folder | int) -> Sum:
        """What it comes to."""
        start, end = span(target)
        all_tokens, usual, all_unknown, tokens, files, usual_in, outlined, listed, guesses, unknown = (
            row[end] - row[start] for row in self._rows
        )
        box = Box.OUT if not files else Box.IN if usual_in == usual and (usual or files == end - start) else Box.PARTLY
        if isinstance(target, int):
            box = Box.IN if files else Box.OUT
            all_tokens, all_unknown = self._full[target], self._is_unknown[target]
        return Sum(tokens, all_tokens, files, outlined, listed, guesses > 0, unknown, all_unknown, box)

    def total(self) -> Sum:
        """What everything comes to, whatever a filter shows."""
        return self._total

    def tokens_in(self, target: Folder | int) -> int:
        """Tokens of it that go in, whatever a filter shows."""
        start, end = span(target)
        return self._all_rows[_TOKENS][end] - self._all_rows[_TOKENS][start]

    def all_tokens(self, target: Folder | int) -> int:
        """Tokens that ticking it takes, whatever a filter shows."""
        if isinstance(target, int):
            return self._full[target]
        start, end = span(target)
        return self._all_rows[_ALL_TOKENS][end] - self._all_rows[_ALL_TOKENS][start]

    def _numbers(self, target: Folder | int) -> Sequence[int]:
        if isinstance(target, int):
            return [target]
        if self.shown is None:
            return range(target.start, target.end)
        return [number for number in range(target.start, target.end) if self.shown[number]]

    def _set(self, numbers: Sequence[int], level: Level, *, by_hand: bool) -> None:
        """What something speaks against is ticked by hand only, what can't be read never."""
        if level is not Level.OUT:
            levels, usual, final = self.levels, self._is_usual, self._is_final
            numbers = [
                number
                for number in numbers
                if usual[number] or levels[number] is not Level.OUT or (by_hand and not final[number])
            ]
        for number in numbers:
            self._put(number, level)
        self._sum_up()

    def _put(self, number: int, level: Level) -> None:
        """Level of one file; the sums are made afterwards."""
        self.levels[number] = level
        if level is Level.FULL:
            self._tokens[number], self._guesses[number] = self._full[number], self.files[number].tokens < 0
        elif level is Level.OUT:
            self._tokens[number] = self._guesses[number] = 0
        elif level is Level.LISTED:
            self._tokens[number], self._guesses[number] = frame_tokens(self.files[number].path, level), 0
        else:
            self._put_outline(number)
        self._is_in[number] = level is not Level.OUT
        self._is_unknown_in[number] = self._is_unknown[number] and level in {Level.FULL, Level.OUTLINE}
        self._is_usual_in[number] = level is not Level.OUT and self._is_usual[number]
        self._is_outline[number] = level is Level.OUTLINE
        self._is_listed[number] = level is Level.LISTED

    def _put_outline(self, number: int) -> None:
        path = self.files[number].path
        frame = frame_tokens(path, Level.OUTLINE)
        tokens = self.outlines.get(path)
        guess = round((self._full[number] - frame) * _OUTLINE_SHARE)
        self._tokens[number] = frame + (guess if tokens is None else tokens)
        self._guesses[number] = tokens is None

    def _put_all(self) -> None:
        count = len(self.files)
        self._tokens = [0] * count
        self._guesses, self._is_in, self._is_usual_in = bytearray(count), bytearray(count), bytearray(count)
        self._is_outline, self._is_listed, self._is_unknown_in = bytearray(count), bytearray(count), bytearray(count)
        for number, level in enumerate(self.levels):
            if level is not Level.OUT:
                self._put(number, level)
        shown, self.shown = self.shown, None
        self._all_static = self._static = self._static_totals()
        self.shown = shown
        if shown is not None:
            self._static = self._static_totals()
        self._sum_up()

    def _sum_up(self) -> None:
        self.revision += 1
        shown, self.shown = self.shown, None
        self._rows = self._all_rows = (*self._all_static, *self._masked(*self._columns()))
        self._total = self.sum(self.root)
        self.shown = shown
        if shown is not None:
            self._sum_shown()

    def _sum_shown(self) -> None:
        self._rows = (*self._static, *self._masked(*self._columns())) if self.shown is not None else self._all_rows

    def _columns(self) -> tuple[Sequence[int], ...]:
        is_in, usual_in, unknown_in = self._is_in, self._is_usual_in, self._is_unknown_in
        return (self._tokens, is_in, usual_in, self._is_outline, self._is_listed, self._guesses, unknown_in)

    def _static_totals(self) -> tuple[list[int], ...]:
        """What ticks don't change."""
        usual = self._is_usual
        columns = (list(map(mul, self._full, usual)), usual, list(map(mul, self._is_unknown, usual)))
        return self._masked(*columns)

    def _masked(self, *columns: Sequence[int]) -> tuple[list[int], ...]:
        """Running totals of what is shown, so that any folder is one subtraction of each."""
        if self.shown is not None:
            columns = tuple(list(map(mul, column, self.shown)) for column in columns)
        return tuple(list(accumulate(column, initial=0)) for column in columns)

    def _full_tokens(self, file: SourceFile) -> int:
        if file.reason and is_final(file.reason):
            return 0
        text = file.tokens if file.tokens >= 0 else round(max(0, file.size) / _BYTES_PER_TOKEN)
        return text + frame_tokens(file.path, Level.FULL)
