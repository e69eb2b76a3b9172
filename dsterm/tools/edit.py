"""The tool `edit`: one piece of text by another, in one place that can't be mistaken."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from dsterm.core.errors import ToolError
from dsterm.core.tools import PreparedCall, Tool
from dsterm.core.workspace import Workspace
from dsterm.tools.changes import FileBytes, diff_of, prepare_changes
from dsterm.tools.checked_tool import CheckedTool
from dsterm.tools.matching import find_text, line_numbers, why_text_is_missing
from dsterm.tools.read_record import ReadRecord
from dsterm.tools.text_file import Splice, TextFile, decode, normalised, spliced


class EditArguments(msgspec.Struct, frozen=True):
    """What `edit` takes."""

    file_path: str
    old_string: str
    new_string: str
    replace_all: bool | None = None


def edit_tool(workspace: Workspace, record: ReadRecord) -> Tool:
    """`edit` over `workspace`, for files that stand in `record`."""

    async def plan(arguments: EditArguments) -> PreparedCall:
        path = workspace.resolve(arguments.file_path)
        return await asyncio.to_thread(_plan_edit, workspace, record, path, arguments)

    return CheckedTool("edit", EditArguments, plan)


def _plan_edit(workspace: Workspace, record: ReadRecord, path: Path, arguments: EditArguments) -> PreparedCall:
    name = workspace.display(path)
    old, new = normalised(arguments.old_string), normalised(arguments.new_string)
    data = workspace.read(path)
    file = decode(data, name)
    if not old:
        raise ToolError("old_string is empty. Give the text to replace, or use write for a new file.")
    if old == new:
        raise ToolError("old_string and new_string are the same, so there is nothing to change.")
    record.require(path, data, name)
    splices = _splices(file, old, new, replace_all=bool(arguments.replace_all))
    after = spliced(file, splices)
    diff = diff_of(name, file.text, decode(after, name).text)
    return prepare_changes(workspace, record, {path: FileBytes(before=data, after=after)}, (diff,))


def _splices(file: TextFile, old: str, new: str, *, replace_all: bool) -> list[Splice]:
    """Where `new` goes; only what differs between `old` and `new` is touched."""
    places = find_text(file.text, old, overlapping=not replace_all)
    if not places:
        raise ToolError(f"old_string is not in the file. {why_text_is_missing(file.text, old)}")
    if len(places) > 1 and not replace_all:
        raise ToolError(
            f"old_string occurs {len(places)} times, at lines {line_numbers(file.text, places)}. "
            "Add lines around it until it is unique, or set replace_all."
        )
    head = _common_length(old, new)
    tail = _common_length(old[head:][::-1], new[head:][::-1])
    replacement = new[head : len(new) - tail]
    return [Splice(place + head, place + len(old) - tail, replacement) for place in places]


def _common_length(one: str, other: str) -> int:
    return next(
        (index for index, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
