"""The tool `write`: a whole file, new or in place of one that was read."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from dsterm.core.errors import ToolError
from dsterm.core.tools import PreparedCall, Tool
from dsterm.core.workspace import Workspace
from dsterm.tools.changes import FileBytes, content_of, diff_of, prepare_changes
from dsterm.tools.checked_tool import CheckedTool
from dsterm.tools.read_record import ReadRecord
from dsterm.tools.text_file import decode, encode, normalised, replaced


class WriteArguments(msgspec.Struct, frozen=True):
    """What `write` takes."""

    file_path: str
    content: str


def write_tool(workspace: Workspace, record: ReadRecord) -> Tool:
    """`write` over `workspace`; files that don't stand in `record` are not replaced."""

    async def plan(arguments: WriteArguments) -> PreparedCall:
        path = workspace.resolve(arguments.file_path)
        return await asyncio.to_thread(_plan_write, workspace, record, path, arguments.content)

    return CheckedTool("write", WriteArguments, plan)


def _plan_write(workspace: Workspace, record: ReadRecord, path: Path, content: str) -> PreparedCall:
    name = workspace.display(path)
    before = content_of(workspace, path)
    if before is None:
        after = encode(content)
        diff = diff_of(name, None, normalised(content))
    else:
        record.require(path, before, name)
        file = decode(before, name)
        after = replaced(file, content)
        diff = diff_of(name, file.text, decode(after, name).text)
    if before == after:
        raise ToolError(f"{name} already has exactly this content, so there is nothing to write.")
    return prepare_changes(workspace, record, {path: FileBytes(before=before, after=after)}, (diff,))
