"""Where an edit belongs: exact text, else whole lines up to a small, named tolerance; one place only, or a reason that helps."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dsterm.core.errors import ToolError
from dsterm.tools.file_lines import FileLines
from dsterm.tools.line_changes import line_splices
from dsterm.tools.suggestion import line_numbers, number_list, why_text_is_missing
from dsterm.tools.text_file import Splice, TextFile
from dsterm.tools.tolerance import (
    TOLERANT,
    Match,
    Rung,
    changed_lines,
    match_lines,
    match_text,
    plain_forms,
)

_MOST_COUNTED = 1_000


class Landing(msgspec.Struct, frozen=True, kw_only=True):
    """Where an edit lands: the splices, and what to tell the model when it matched only with tolerance."""

    splices: tuple[Splice, ...]
    note: str = ""


def land_edit(file: TextFile, old: str, new: str, *, replace_all: bool) -> Landing:
    """The splices that put `new` in place of `old`; ToolError, naming lines, when the place is not certain."""
    places = _find_text(file.text, old, overlapping=not replace_all)
    if len(places) > 1 and not replace_all:
        raise ToolError(
            f"old_string occurs {_count(places)} times, at lines {line_numbers(file.text, places)}. "
            "Add lines around it until it is unique, or set replace_all."
        )
    if places:
        pieces = old.split("\n")
        one = line_splices(pieces, new.split("\n"), pieces, 0, Match()) or []
        moved = (
            msgspec.structs.replace(splice, start=splice.start + place, end=splice.end + place)
            for place in places
            for splice in one
        )
        return Landing(splices=tuple(moved))
    lines = FileLines(file)
    return _land_lines(file, lines, old, new) or _land_plain_forms(file, old, new) or _refuse(file, lines, old, new)


def _refuse(file: TextFile, lines: FileLines, old: str, new: str) -> Landing:
    raise ToolError(f"old_string is not in {file.name}. {why_text_is_missing(lines, file.text, old, new)}")


def _find_text(text: str, wanted: str, *, overlapping: bool) -> list[int]:
    """Every position of `wanted`; when a single place has to be certain, overlapping ones count, up to a limit."""
    step = 1 if overlapping else len(wanted)
    places: list[int] = []
    place = text.find(wanted)
    while place != -1 and not (overlapping and len(places) == _MOST_COUNTED):
        places.append(place)
        place = text.find(wanted, place + step)
    return places


def _count(places: Sequence[int]) -> str:
    return f"{_MOST_COUNTED:,} or more" if len(places) == _MOST_COUNTED else f"{len(places):,}"


def _land_lines(file: TextFile, lines: FileLines, old: str, new: str) -> Landing | None:
    """Whole lines that match with tolerance; None when none do on any rung."""
    if old.startswith("\n") and new.startswith("\n"):
        old, new = old[1:], new[1:]
    if old.endswith("\n") and new.endswith("\n"):
        old, new = old[:-1], new[:-1]
    pieces = old.split("\n")
    wanted = pieces[:-1] if len(pieces) > 1 and pieces[-1] == "" else pieces
    if not old.strip():
        return None
    for rung in TOLERANT:
        matches = _matches(lines, wanted, rung)
        if len(matches) > 1:
            numbers = number_list([place + 1 for place, _ in matches])
            raise ToolError(
                f"old_string is not in {file.name} exactly, and {rung} it fits {len(matches)} places, at lines {numbers}. "
                "Copy the lines exactly and add more around them."
            )
        if matches:
            place, match = matches[0]
            return _landing(file, lines, _Request(pieces, new.split("\n"), wanted), place, match)
    return None


class _Request(msgspec.Struct, frozen=True):
    """The pieces between line ends of the old and the new text, and the whole lines that the old one asks for."""

    old: list[str]
    new: list[str]
    wanted: list[str]


def _matches(lines: FileLines, wanted: Sequence[str], rung: Rung) -> list[tuple[int, Match]]:
    found = []
    for place in lines.find(wanted, rung):
        match = match_lines(wanted, lines.lines[place : place + len(wanted)], rung)
        if match:
            found.append((place, match))
    return found


def _landing(file: TextFile, lines: FileLines, request: _Request, place: int, match: Match) -> Landing | None:
    end = place + len(request.wanted)
    stands = lines.lines[place:end]
    if len(request.wanted) < len(request.old):
        if end == len(lines.lines) and not lines.ends_with_newline:
            return None
        stands.append("")
    start = sum(map(len, lines.lines[:place])) + place
    splices = line_splices(request.old, request.new, stands, start, match)
    if splices is None:
        raise ToolError(
            f"old_string fits {file.name} at lines {place + 1}-{end} but for the indent, and new_string has lines with too "
            "little indent to be moved along. Send both with the indent of the file."
        )
    return Landing(splices=tuple(splices), note=changed_lines(match, place + 1, len(request.wanted)))


def _land_plain_forms(file: TextFile, old: str, new: str) -> Landing | None:
    """A piece of a line that is the same but for curly quotes, dashes and odd spaces."""
    text, wanted = plain_forms(file.text), plain_forms(old)
    if (text == file.text and wanted == old) or not wanted.strip():
        return None
    places = _find_text(text, wanted, overlapping=True)
    if len(places) > 1:
        raise ToolError(
            f"old_string is not in {file.name} exactly, and {Rung.PUNCTUATION} it occurs {_count(places)} times, "
            f"at lines {line_numbers(text, places)}. Copy the characters of the file exactly."
        )
    if not places:
        return None
    stands = file.text[places[0] : places[0] + len(old)]
    match = match_text(old, stands)
    splices = line_splices(old.split("\n"), new.split("\n"), stands.split("\n"), places[0], match)
    note = changed_lines(match, text.count("\n", 0, places[0]) + 1, old.count("\n") + 1)
    return Landing(splices=tuple(splices or ()), note=note)
