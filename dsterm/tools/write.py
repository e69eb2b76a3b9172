"""The tool `write`: a whole file, new or in place of one that was read."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import msgspec

from dsterm.core.errors import ToolError
from dsterm.core.tools import PreparedCall, Tool
from dsterm.core.workspace import Workspace
from dsterm.tools.changes import FileChange, FileState, Planned, notes_between, prepare_changes, state_of
from dsterm.tools.checked_tool import CheckedTool
from dsterm.tools.line_changes import replaced
from dsterm.tools.read_record import ReadRecord
from dsterm.tools.secret_files import require_read
from dsterm.tools.text_diff import diff_of
from dsterm.tools.text_file import decode, encode, normalised


class WriteArguments(msgspec.Struct, frozen=True):
    """What `write` takes."""

    file_path: str
    content: str
    overwrite: Annotated[bool, msgspec.Meta(description="replace a file that was not read")] | None = None


def write_tool(workspace: Workspace, record: ReadRecord) -> Tool:
    """`write` over `workspace`; files that don't stand in `record` are replaced only when that is asked for."""

    async def plan(arguments: WriteArguments) -> PreparedCall:
        path = workspace.resolve(arguments.file_path)
        return await asyncio.to_thread(_plan_write, workspace, record, path, arguments)

    return CheckedTool("write", WriteArguments, plan)


def _plan_write(workspace: Workspace, record: ReadRecord, path: Path, arguments: WriteArguments) -> PreparedCall:
    name = workspace.display(path)
    before = state_of(workspace, path)
    if before.data is None:
        after = FileState(data=encode(arguments.content))
        diff = diff_of(name, None, normalised(arguments.content))
    else:
        require_read(workspace, record, {arguments.file_path: path})
        if not arguments.overwrite:
            record.require(path, before.data, name)
        file = decode(before.data, name)
        after = FileState(data=replaced(file, arguments.content), mode=before.mode)
        diff = diff_of(name, file.text, normalised(arguments.content).removeprefix("\ufeff"))
    if before.data == after.data:
        raise ToolError(f"{name} already has exactly this content, so there is nothing to write.")
    diff = msgspec.structs.replace(diff, note=notes_between(before, after, diff))
    changes = {path: FileChange(before=before, after=after)}
    planned = Planned(changes=changes, diffs=(diff,), named=(arguments.file_path,), is_whole=True)
    return prepare_changes(workspace, record, planned)
