"""All tools by name, in an order that never changes: the list stands first in every request and is cached there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from dsterm.core.commands import CommandReader, CommandRunner
from dsterm.core.errors import ToolError, WorkspaceError
from dsterm.core.tools import PreparedCall, Progress, Tool, ToolResult, ToolSpec
from dsterm.core.workspace import Workspace
from dsterm.tools.read_record import ReadRecord


class Toolbox:
    """The tools that a model may ask for; `make` makes them at the first use."""

    def __init__(self, make: Callable[[], Sequence[Tool]], record: ReadRecord) -> None:
        self._make = make
        self._record = record
        self.is_open = False

    @cached_property
    def _tools(self) -> Mapping[str, Tool]:
        tools = {tool.spec.name: tool for tool in self._make()}
        self.is_open = True
        return tools

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

    def make() -> list[Tool]:
        from dsterm.tools import all_tools  # noqa: PLC0415  after the first frame

        tools = all_tools.file_tools(workspace, record)
        if runner and reader:
            bash = all_tools.bash_tool(
                workspace, runner, reader, timeout_seconds=timeout_seconds, has_network=has_network
            )
            return [*tools, bash, all_tools.todo_write_tool(), all_tools.job_tool(runner)]
        return [*tools, all_tools.todo_write_tool()]

    return Toolbox(make, record)


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
