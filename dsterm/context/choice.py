"""What a choice makes of a source: how much of every file goes in, and what that comes to by folder. Pure and quick."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from dsterm.context.file_kinds import FileKinds
from dsterm.context.path_globs import compile_globs, exact_path
from dsterm.core.attachments import Level, PackChoice, Preset, SourceFile, Survey
from dsterm.core.left_out_reasons import HOLDS_KEYS, is_final

_FRAME_TOKENS = 14
_ROW_TOKENS = 4
_CHARACTERS_PER_TOKEN = 3.6
"""Of paths, on average over several repositories."""


class FolderSum(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What goes in of a folder and of all below it: files by level, the `tokens` of their texts, `frame` (about) those of the
    paths, fences and table rows around them. `uncounted` files go in whose tokens are not known yet.
    """

    full: int = 0
    outlined: int = 0
    listed: int = 0
    out: int = 0
    tokens: int = 0
    frame: int = 0
    uncounted: int = 0

    @property
    def taken(self) -> int:
        """Files of which more than the name goes in."""
        return self.full + self.outlined


def levels(survey: Survey, choice: PackChoice) -> list[Level]:
    """The level of each of `survey.files`, in their order. UsageError for a glob that can't be read.

    A file's own entry in `choice.levels` decides, then the nearest folder's, then globs and preset. What speaks against a file
    keeps it out but for an entry of its own or an include that names it; what can't be read at all stays out always.
    """
    is_chosen, named = _chosen(survey, choice), {exact_path(pattern) for pattern in choice.include} - {""}
    by_path = choice.levels
    folder_level = _folder_levels(by_path)
    result: list[Level] = []
    for file in survey.files:
        path, reason = file.path, file.reason
        if reason and is_final(reason):
            result.append(Level.OUT)
            continue
        if reason == HOLDS_KEYS and choice.takes_secrets:
            reason = ""
        level = by_path.get(path) if by_path else None
        if level is None and folder_level is not None:
            level = folder_level(path)
            if level is not None and reason and path not in named:
                level = Level.OUT
        if level is None:
            is_taken = path in named or (not reason and is_chosen(path))
            level = Level.FULL if is_taken else Level.OUT
        result.append(level)
    return result


def tokens_at(file: SourceFile, level: Level, outlines: Mapping[str, int]) -> int:
    """Tokens that are read of `file` at `level`, without its path and fences; -1 when not known yet."""
    if level is Level.FULL:
        return file.tokens
    return outlines.get(file.path, -1) if level is Level.OUTLINE else 0


def folder_sums(
    survey: Survey, chosen: Sequence[Level], outlines: Mapping[str, int] | None = None
) -> dict[str, FolderSum]:
    """What goes in by folder; a folder's path ends in `/`, and "" is everything. `outlines` are tokens of outlines by path."""
    counts: dict[str, list[int]] = {"": [0] * 7}
    known = outlines or {}
    places = {Level.FULL: 0, Level.OUTLINE: 1, Level.LISTED: 2, Level.OUT: 3}
    for file, level in zip(survey.files, chosen, strict=True):
        path = file.path
        folder = path[: path.rfind("/") + 1]
        row = counts.get(folder)
        if row is None:
            row = counts[folder] = [0] * 7
        row[places[level]] += 1
        if level is Level.OUT:
            continue
        tokens = tokens_at(file, level, known)
        row[4] += max(0, tokens)
        row[5] += frame_tokens(path, level)
        row[6] += tokens < 0
    for folder in list(counts):
        above = _above(folder)
        while above not in counts:
            counts[above] = [0] * 7
            above = _above(above)
    for folder in sorted(counts, key=lambda one: one.count("/"), reverse=True):
        if folder:
            sums = counts[_above(folder)]
            for place, number in enumerate(counts[folder]):
                sums[place] += number
    names = FolderSum.__struct_fields__
    return {folder: FolderSum(**dict(zip(names, row, strict=True))) for folder, row in counts.items()}


def _above(folder: str) -> str:
    return folder[: folder.rfind("/", 0, -1) + 1]


def frame_tokens(path: str, level: Level) -> int:
    """About as many tokens as stand around the text of a file: its path, its fences, its row in the table."""
    own = round(len(path) / _CHARACTERS_PER_TOKEN)
    if level in {Level.FULL, Level.OUTLINE}:
        return 2 * own + _FRAME_TOKENS
    return own + _ROW_TOKENS if level is Level.LISTED else 0


def _chosen(survey: Survey, choice: PackChoice) -> Callable[[str], bool]:
    """Whether preset and globs take a path."""
    tests: list[Callable[[str], bool]] = []
    if choice.preset is Preset.CHANGED:
        tests.append(survey.changed.__contains__)
    elif choice.preset is not Preset.ALL:
        kind, wanted = FileKinds().kind, choice.preset.value
        tests.append(lambda path: kind(path) == wanted)
    if choice.include:
        tests.append(compile_globs(choice.include))
    if choice.exclude:
        excluded = compile_globs(choice.exclude)
        tests.append(lambda path: not excluded(path))
    if not tests:
        return lambda _path: True
    if len(tests) == 1:
        return tests[0]
    return lambda path: all(test(path) for test in tests)


def _folder_levels(by_path: Mapping[str, Level]) -> Callable[[str], Level | None] | None:
    """The level that the nearest folder with one gives to a path; None when no folder has one."""
    given = {path: level for path, level in by_path.items() if not path or path.endswith("/")}
    if not given:
        return None
    known: dict[str, Level | None] = {"": None, **given}

    def of_folder(folder: str) -> Level | None:
        # No recursion: in git objects folders may be nested deeper than any file system allows.
        passed: list[str] = []
        while folder not in known:
            passed.append(folder)
            folder = _above(folder)
        known.update(dict.fromkeys(passed, known[folder]))
        return known[folder]

    return lambda path: of_folder(path[: path.rfind("/") + 1])
