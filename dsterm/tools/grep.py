"""The tool `grep`: file contents by ripgrep, or by `git grep` where ripgrep is missing."""

from __future__ import annotations

import asyncio
from itertools import groupby
from pathlib import Path
from typing import Annotated

import msgspec

from dsterm.core.errors import ProgramMissing, ToolError, WorkspaceError
from dsterm.core.secret_names import looks_secret
from dsterm.core.tools import Effect, Outcome, Plan, PreparedCall, Progress, Tool, ToolResult
from dsterm.core.workspace import Workspace
from dsterm.tools.checked_tool import CheckedTool
from dsterm.tools.glob_pattern import compile_glob
from dsterm.tools.search import Match, Search, search_by_git, search_by_ripgrep
from dsterm.tools.secret_files import secret_concerns
from dsterm.tools.text_encoding import decoded, showable
from dsterm.tools.truncate import fitting, shorten

_SHOWN = 250
_LINE_LIMIT = 400
_BYTE_LIMIT = 50_000


class GrepArguments(msgspec.Struct, frozen=True):
    """What `grep` takes."""

    pattern: str
    path: Annotated[str, msgspec.Meta(description="file or folder to search in")] | None = None
    include: Annotated[str, msgspec.Meta(description="only files like *.py")] | None = None


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """All matches, the lines of the first ones as they stand in the files, and how many files were left out."""

    matches: list[Match]
    shown: list[Match]
    left_out: int | None = 0


def grep_tool(workspace: Workspace) -> Tool:
    """`grep` over `workspace`; files that look secret are searched only when the path names one."""

    async def plan(arguments: GrepArguments) -> PreparedCall:
        place = workspace.resolve(arguments.path or ".")
        search = Search(
            pattern=_checked_pattern(arguments.pattern),
            place=workspace.display(place),
            include=_checked_include(arguments.include or ""),
        )
        subject = arguments.pattern if place == workspace.root else f"{arguments.pattern}  in {search.place}"
        concerns = secret_concerns(workspace, {arguments.path: place}) if arguments.path else ()

        async def run(_progress: Progress) -> ToolResult:
            facts = workspace.facts(place)
            if facts is None:
                raise ToolError(f"There is no {search.place}. Leave path out to search everywhere.")
            matches = await _find(workspace, search)
            left_out = 0 if concerns or not facts.is_folder else await _secret_files(workspace, place)
            found = await asyncio.to_thread(_checked, workspace, matches, shows_secrets=bool(concerns))
            return _result(msgspec.structs.replace(found, left_out=left_out))

        effects = (Effect.READ, Effect.SECRETS) if concerns else (Effect.READ,)
        return PreparedCall(plan=Plan(effects=effects, subject=subject, concerns=concerns), run=run)

    return CheckedTool("grep", GrepArguments, plan)


async def _secret_files(workspace: Workspace, folder: Path) -> int | None:
    """How many files below `folder` look secret, None where there are too many files to tell.

    Counted from the list of files and never from the matches: else a pattern could be tried on what is secret.
    """
    try:
        paths = await workspace.files(folder)
    except WorkspaceError:
        return None
    return await asyncio.to_thread(lambda: sum(looks_secret(workspace.display(path)) for path in paths))


def _checked(workspace: Workspace, matches: list[Match], *, shows_secrets: bool) -> _Found:
    """The matches in files that may be read, and the lines to show from those files as the workspace reads them.

    The program that searched followed paths of its own, which may have led elsewhere for a moment.
    """
    paths = dict.fromkeys(match.path for match in matches)
    readable = {path: place for path in paths if (place := _readable(workspace, path, shows_secrets=shows_secrets))}
    kept = [match for match in matches if match.path in readable]
    shown: list[Match] = []
    for path, group in groupby(kept[:_SHOWN], key=lambda match: match.path):
        lines = _lines(workspace, readable[path])
        shown += [
            msgspec.structs.replace(match, text=lines[match.line - 1]) for match in group if match.line <= len(lines)
        ]
    return _Found(matches=kept, shown=shown)


def _readable(workspace: Workspace, path: str, *, shows_secrets: bool) -> Path | None:
    if not shows_secrets and looks_secret(path):
        return None
    try:
        place = workspace.resolve(path)
    except WorkspaceError:
        return None
    return place if workspace.display(place) == path else None


def _lines(workspace: Workspace, place: Path) -> list[str]:
    """The lines of the file; none where it can't be read any more."""
    try:
        data = workspace.read(place)
    except WorkspaceError:
        return []
    try:
        text = decoded(data, place.name)[1]
    except ToolError:
        # Searched as bytes, as it is in no encoding that can be told.
        text = data.decode("utf-8", "replace")
    return [showable(line.removesuffix("\r")) for line in text.split("\n")]


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
        raise ToolError("Neither ripgrep nor git can be used to search here. Use glob and read instead.") from error


def _result(found: _Found) -> ToolResult:
    matches = found.matches
    hits = f"{len(matches):,} hit{'' if len(matches) == 1 else 's'}"
    unsearched = _unsearched(found.left_out)
    if not matches:
        return ToolResult(outcome=Outcome.DONE, content="\n".join(("(No match.)", *unsearched)), summary=hits)
    lines: list[str] = []
    path = ""
    for match in found.shown:
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
    content = "\n".join((*window.lines, "", footer, *unsearched))
    return ToolResult(outcome=Outcome.DONE, content=content, summary=hits)


def _unsearched(count: int | None) -> tuple[str, ...]:
    if count is None:
        return ("(Left out: files that look like holding secrets, if there are any.)",)
    if not count:
        return ()
    files = f"{count} file{'' if count == 1 else 's'}"
    return (
        f"(Left out: {files} that look{'s' if count == 1 else ''} like holding secrets. Name one as path to search it.)",
    )
