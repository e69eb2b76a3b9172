"""The tool `glob`: files by name, newest first."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Annotated

import msgspec

from dsterm.core.errors import ToolError
from dsterm.core.tools import Effect, Outcome, Plan, PreparedCall, Progress, Tool, ToolResult
from dsterm.core.workspace import Workspace
from dsterm.tools.checked_tool import CheckedTool
from dsterm.tools.glob_pattern import compile_glob

_SHOWN = 100


class GlobArguments(msgspec.Struct, frozen=True):
    """What `glob` takes."""

    pattern: Annotated[str, msgspec.Meta(description="such as *.py or src/**/*.{ts,tsx}")]
    path: Annotated[str, msgspec.Meta(description="folder to search in")] | None = None


def glob_tool(workspace: Workspace) -> Tool:
    """`glob` over `workspace`."""

    async def plan(arguments: GlobArguments) -> PreparedCall:
        folder = workspace.resolve(arguments.path or ".")
        expression = compile_glob(_relative(arguments.pattern, folder))
        place = f"  in {workspace.display(folder)}/" if folder != workspace.root else ""

        async def run(_progress: Progress) -> ToolResult:
            require_folder(workspace, folder)
            paths = await workspace.files(folder)
            return await asyncio.to_thread(_search, workspace, folder, paths, expression)

        return PreparedCall(plan=Plan(effects=(Effect.READ,), subject=f"{arguments.pattern}{place}"), run=run)

    return CheckedTool("glob", GlobArguments, plan)


def require_folder(workspace: Workspace, folder: Path) -> None:
    """ToolError unless `folder` is there and is one."""
    facts = workspace.facts(folder)
    if facts is None:
        raise ToolError(f"There is no folder {workspace.display(folder)}. Leave path out to search everywhere.")
    if not facts.is_folder:
        raise ToolError(f"{workspace.display(folder)} is a file, not a folder. Use read for it.")


def _relative(pattern: str, folder: Path) -> str:
    """An absolute pattern is meant from the folder that is searched."""
    return pattern.removeprefix(f"{folder.as_posix()}/")


def _search(workspace: Workspace, folder: Path, paths: list[Path], expression: re.Pattern[str]) -> ToolResult:
    found = [path for path in paths if expression.fullmatch(path.relative_to(folder).as_posix())]
    aged = [(-facts.modified, path) for path in found if (facts := workspace.facts(path))]
    shown = [workspace.display(path) for _, path in sorted(aged)[:_SHOWN]]
    count = f"{len(aged)} file{'' if len(aged) == 1 else 's'}"
    if not aged:
        footer = "(No file matches.)"
    elif len(aged) > len(shown):
        footer = f"({len(shown)} of {count}, newest first. Narrow the pattern or the path to see the others.)"
    else:
        footer = f"({count}.)"
    return ToolResult(outcome=Outcome.DONE, content="\n".join((*shown, footer)), summary=count)
