"""All tools by name, in an order that never changes: the list stands first in every request and is cached there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from dsterm.core.commands import CommandReader, CommandRunner
from dsterm.core.errors import ToolError, WorkspaceError
from dsterm.core.tools import PreparedCall, Progress, Tool, ToolResult, ToolSpec
from dsterm.core.workspace import Workspace
from dsterm.tools.apply_patch import apply_patch_tool
from dsterm.tools.bash import bash_tool
from dsterm.tools.edit import edit_tool
from dsterm.tools.glob import glob_tool
from dsterm.tools.grep import grep_tool
from dsterm.tools.job import job_tool
from dsterm.tools.read import read_tool
from dsterm.tools.read_record import ReadRecord
from dsterm.tools.todo_write import todo_write_tool
from dsterm.tools.write import write_tool


class Toolbox:
    """The tools that a model may ask for."""

    def __init__(self, tools: Sequence[Tool], record: ReadRecord | None = None) -> None:
        self._tools = {tool.spec.name: tool for tool in tools}
        self._record = record or ReadRecord()

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """What the model is told, always the same bytes in the same order."""
        return tuple(tool.spec for tool in self._tools.values())

    def note_read(self, path: Path, data: bytes) -> None:
        """The model has seen `data`, the content of the file at `path` (resolved), without a tool: it may change it."""
        self._record.note(path, data)

    def follow(self, attached: Callable[[Path], str]) -> None:
        """The model knows the attached files whose bytes `attached` names as git does, empty for others: it may change them."""
        self._record.follow(attached)

    def forget_reads(self, but: Collection[Path]) -> None:
        """The model does not see any more what it read, but for the files at these paths: it has to read before it changes."""
        self._record.keep_only(but)

    async def prepare(self, name: str, arguments: Mapping[str, object]) -> PreparedCall:
        """Plan a call without side effects. ToolError, for the model, when the tool or an argument is wrong."""
        tool = self._tools.get(name) or self._tools.get(name.strip().casefold())
        if tool is None:
            shown = f"There is no tool {name.strip()[:60]}" if name.strip() else "The call names no tool"
            raise ToolError(f"{shown}. The tools are: {', '.join(self._tools)}.")
        try:
            prepared = await tool.prepare(arguments)
        except WorkspaceError as error:
            raise ToolError(str(error)) from error
        return _speaking_to_the_model(prepared)


def build_toolbox(
    workspace: Workspace,
    *,
    runner: CommandRunner | None = None,
    reader: CommandReader | None = None,
    timeout_seconds: int = 120,
    has_network: Callable[[], bool] = bool,
) -> Toolbox:
    """The tools over `workspace`, sharing one record of what the model has read; without `runner` and `reader` no commands.

    `timeout_seconds` is for commands that name none, `has_network` whether the sandbox has the network.
    """
    record = ReadRecord()
    tools: list[Tool] = [
        read_tool(workspace, record),
        glob_tool(workspace),
        grep_tool(workspace),
        edit_tool(workspace, record),
        apply_patch_tool(workspace, record),
        write_tool(workspace, record),
    ]
    if runner and reader:
        tools.append(bash_tool(workspace, runner, reader, timeout_seconds=timeout_seconds, has_network=has_network))
    tools.append(todo_write_tool())
    if runner and reader:
        tools.append(job_tool(runner))
    return Toolbox(tools, record)


def _speaking_to_the_model(prepared: PreparedCall) -> PreparedCall:
    """The same call, whose failures on disk are words for the model too."""

    async def run(progress: Progress) -> ToolResult:
        try:
            return await prepared.run(progress)
        except WorkspaceError as error:
            raise ToolError(str(error)) from error

    wider = prepared.wider
    return PreparedCall(
        plan=prepared.plan, run=run, wider=(lambda lack: _speaking_to_the_model(wider(lack))) if wider else None
    )
