"""The tool `grep`: file contents by ripgrep, or by `git grep` where ripgrep is missing."""

from __future__ import annotations

from typing import Annotated

import msgspec

from dsterm.core.errors import ProgramMissing, ToolError
from dsterm.core.tools import Effect, Outcome, Plan, PreparedCall, Progress, Tool, ToolResult
from dsterm.core.workspace import Workspace
from dsterm.tools.checked_tool import CheckedTool
from dsterm.tools.glob_pattern import compile_glob
from dsterm.tools.search import Match, Search, search_by_git, search_by_ripgrep
from dsterm.tools.truncate import fitting, shorten

_SHOWN = 250
_LINE_LIMIT = 400
_BYTE_LIMIT = 50_000


class GrepArguments(msgspec.Struct, frozen=True):
    """What `grep` takes."""

    pattern: str
    path: Annotated[str, msgspec.Meta(description="file or folder to search in")] | None = None
    include: Annotated[str, msgspec.Meta(description="only files like *.py")] | None = None


def grep_tool(workspace: Workspace) -> Tool:
    """`grep` over `workspace`."""

    async def plan(arguments: GrepArguments) -> PreparedCall:
        place = workspace.resolve(arguments.path or ".")
        search = Search(
            pattern=_checked_pattern(arguments.pattern),
            place=workspace.display(place),
            include=_checked_include(arguments.include or ""),
        )
        subject = arguments.pattern if place == workspace.root else f"{arguments.pattern}  in {search.place}"

        async def run(_progress: Progress) -> ToolResult:
            if workspace.facts(place) is None:
                raise ToolError(f"There is no {search.place}. Leave path out to search everywhere.")
            return _result(await _find(workspace, search))

        return PreparedCall(plan=Plan(effects=(Effect.READ,), subject=subject), run=run)

    return CheckedTool("grep", GrepArguments, plan)


def _checked_pattern(pattern: str) -> str:
    if not pattern or "\0" in pattern:
        raise ToolError("The pattern is empty or has a NUL in it. Give a regular expression.")
    return pattern


def _checked_include(include: str) -> str:
    if not include:
        return ""
    if include.startswith("!"):
        raise ToolError("include takes what to search, not what to leave out. Give a pattern such as *.py.")
    compile_glob(include)
    return include


async def _find(workspace: Workspace, search: Search) -> list[Match]:
    try:
        return await search_by_ripgrep(workspace, search)
    except ProgramMissing:
        pass
    try:
        return await search_by_git(workspace, search)
    except ProgramMissing as error:
        raise ToolError("Neither ripgrep nor git is installed to search with. Use glob and read instead.") from error


def _result(matches: list[Match]) -> ToolResult:
    hits = f"{len(matches):,} hit{'' if len(matches) == 1 else 's'}"
    if not matches:
        return ToolResult(outcome=Outcome.DONE, content="(No match.)", summary=hits)
    lines: list[str] = []
    path = ""
    for match in matches[:_SHOWN]:
        if match.path != path:
            lines += ["", match.path] if lines else [match.path]
            path = match.path
        lines.append(f"{match.line}: {shorten(match.text, _LINE_LIMIT)}")
    window = fitting(lines, _BYTE_LIMIT)
    files = len({match.path for match in matches})
    places = f"{hits} in {files} file{'' if files == 1 else 's'}"
    if window.is_cut or len(matches) > _SHOWN:
        footer = f"(Only the first of {places}. Narrow the pattern, path or include to see the others.)"
    else:
        footer = f"({places}.)"
    return ToolResult(outcome=Outcome.DONE, content="\n".join((*window.lines, "", footer)), summary=hits)
