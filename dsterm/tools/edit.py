"""The tool `edit`: one piece of text by another, in one place that can't be mistaken."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from dsterm.core.errors import ToolError
from dsterm.core.tools import PreparedCall, Tool
from dsterm.core.workspace import Workspace
from dsterm.tools.changes import FileChange, FileState, Planned, notes_between, prepare_changes, state_of
from dsterm.tools.checked_tool import CheckedTool
from dsterm.tools.edit_place import Landing, land_edit
from dsterm.tools.read_record import ReadRecord
from dsterm.tools.splice_diff import diff_of_splices
from dsterm.tools.text_encoding import check_new_text
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
    before = state_of(workspace, path)
    if before.data is None:
        raise ToolError(f"There is no file {name}. Use glob to find the right path, or write for a new file.")
    file = decode(before.data, name)
    if not old and file.text:
        raise ToolError("old_string is empty. Give the text to replace; only an empty file has nothing to name.")
    if old == new:
        raise ToolError("old_string and new_string are the same, so there is nothing to change.")
    check_new_text(new)
    record.require(path, before.data, name)
    landing = _landing(file, old, new, replace_all=bool(arguments.replace_all))
    after = FileState(data=spliced(file, landing.splices), mode=before.mode)
    if after == before:
        raise ToolError(f"{name} is already as new_string wants it, so there is nothing to change.")
    diff = diff_of_splices(name, file.text, landing.splices)
    diff = msgspec.structs.replace(diff, note=notes_between(before, after, diff))
    notes = (landing.note,) if landing.note else ()
    changes = {path: FileChange(before=before, after=after)}
    planned = Planned(changes=changes, diffs=(diff,), named=(arguments.file_path,), notes=notes)
    return prepare_changes(workspace, record, planned)


def _landing(file: TextFile, old: str, new: str, *, replace_all: bool) -> Landing:
    if not old:
        return Landing(splices=(Splice(0, 0, new),))
    return land_edit(file, old, new, replace_all=replace_all)
