"""The tool `read`: numbered lines of a text file, or the entries of a folder."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import msgspec

from dsterm.core.errors import ToolError
from dsterm.core.tools import Effect, Outcome, Plan, PreparedCall, Progress, Tool, ToolResult
from dsterm.core.workspace import Workspace
from dsterm.tools.checked_tool import CheckedTool
from dsterm.tools.read_record import ReadRecord
from dsterm.tools.secret_files import secret_concerns
from dsterm.tools.text_encoding import showable
from dsterm.tools.text_file import decode
from dsterm.tools.truncate import fitting, shorten

_MOST_LINES = 2000
_LINE_LIMIT = 2000
_BYTE_LIMIT = 50_000
_MOST_ENTRIES = 500


class ReadArguments(msgspec.Struct, frozen=True):
    """What `read` takes."""

    file_path: str
    offset: Annotated[int, msgspec.Meta(description="first line, from 1")] | None = None
    limit: Annotated[int, msgspec.Meta(description="number of lines")] | None = None


def read_tool(workspace: Workspace, record: ReadRecord) -> Tool:
    """`read` over `workspace`; what it shows is noted in `record`."""

    async def prepare(arguments: ReadArguments) -> PreparedCall:
        path = workspace.resolve(arguments.file_path)
        found = workspace.facts(path)
        # The names in a folder are no secrets.
        is_folder = found is not None and found.is_folder
        concerns = () if is_folder else secret_concerns(workspace, {arguments.file_path: path})
        if arguments.offset is not None and arguments.offset < 1:
            raise ToolError("offset counts lines from 1. Leave it out to start at the first.")
        if arguments.limit is not None and arguments.limit < 1:
            raise ToolError("limit is a number of lines, at least 1. Leave it out for as many as fit.")

        async def run(_progress: Progress) -> ToolResult:
            facts = workspace.facts(path)
            if facts and facts.is_folder:
                return await _list_folder(workspace, path)
            if is_folder:
                raise ToolError(f"{workspace.display(path)} was a folder just now. Read it again.")
            data = await asyncio.to_thread(workspace.read, path)
            result = _show_lines(showable(decode(data, workspace.display(path)).text), arguments)
            record.note(path, data)
            return result

        effects = (Effect.READ, Effect.SECRETS) if concerns else (Effect.READ,)
        plan = Plan(effects=effects, subject=workspace.display(path), concerns=concerns)
        return PreparedCall(plan=plan, run=run)

    return CheckedTool("read", ReadArguments, prepare)


def _show_lines(text: str, arguments: ReadArguments) -> ToolResult:
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    if not lines:
        return ToolResult(outcome=Outcome.DONE, content="(The file is empty.)", summary="empty")
    first = arguments.offset or 1
    if first > len(lines):
        raise ToolError(f"The file has {len(lines):,} lines; offset {first:,} is past its end.")
    wanted = lines[first - 1 : first - 1 + min(arguments.limit or _MOST_LINES, _MOST_LINES)]
    numbered = [f"{number}\t{shorten(line, _LINE_LIMIT)}" for number, line in enumerate(wanted, first)]
    window = fitting(numbered, _BYTE_LIMIT)
    last = first + window.count - 1
    if last < len(lines):
        footer = f"(Lines {first}-{last} of {len(lines)}. Go on with offset {last + 1}.)"
    else:
        footer = f"(End of the file: {len(lines)} lines.)"
    return ToolResult(outcome=Outcome.DONE, content="\n".join((*window.lines, footer)), summary=f"{first}-{last}")


async def _list_folder(workspace: Workspace, folder: Path) -> ToolResult:
    """Files and folders directly in `folder`, the latter with a `/`; what git ignores is left out."""
    names = set()
    for path in await workspace.files(folder):
        first, *rest = path.relative_to(folder).parts
        names.add(f"{first}/" if rest else first)
    entries = sorted(name.encode("utf-8", "replace").decode() for name in names)
    shown = entries[:_MOST_ENTRIES]
    count = f"{len(entries)} entries" if len(entries) != 1 else "1 entry"
    if len(entries) > len(shown):
        footer = f"({len(shown)} of {count}. Use glob with a pattern for the rest.)"
    else:
        footer = f"(A folder with {count}.)"
    return ToolResult(outcome=Outcome.DONE, content="\n".join((*shown, footer)), summary=count)
