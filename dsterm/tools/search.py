"""One search, by ripgrep or by git: fixed arguments, no configuration of either, the same matches back.

Both see what git does not ignore, hidden files too, no binary ones, and stop after a few megabytes of matches.
"""

from __future__ import annotations

import msgspec

from dsterm.core.errors import ToolError
from dsterm.core.workspace import Completed, Workspace
from dsterm.tools.glob_pattern import expand_braces

_TIMEOUT = 30.0
_OUTPUT_CAP = 4_000_000
_FOUND, _NOTHING, _TROUBLE = 0, 1, 2
_NO_REPOSITORY = b"not a git repository"


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What to find: a regular expression, below `place` (as the workspace shows it), in files that match `include`."""

    pattern: str
    place: str
    include: str = ""


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """A line that matches; lines count from 1."""

    path: str
    line: int
    text: str


async def search_by_ripgrep(workspace: Workspace, search: Search) -> list[Match]:
    """Matches in the order of paths and lines. ProgramMissing without ripgrep, ToolError for a bad pattern."""
    arguments = [
        *("rg", "--no-config", "--color=never", "--no-heading", "--with-filename", "--line-number", "--null"),
        *("--sort=path", "--max-columns=2000", "--max-columns-preview", "--max-filesize=20M"),
        *("--hidden", "--no-require-git", "--no-ignore-dot", "--no-follow"),
        *((f"--glob={search.include}",) if search.include else ()),
        *("--glob=!.git", f"--regexp={search.pattern}", "--", search.place),
    ]
    done = await workspace.run(arguments, timeout=_TIMEOUT, cap=_OUTPUT_CAP)
    if done.exit_code == _TROUBLE and not done.stdout:
        raise _bad_pattern(done)
    return _parse(done, line_end=b":")


async def search_by_git(workspace: Workspace, search: Search) -> list[Match]:
    """The same with `git grep`, in folders without a repository too."""
    if search.place.startswith("/"):
        raise ToolError("Added folders are searched with ripgrep, which is not installed. Use glob and read there.")
    included = (
        [f":(glob){_below(search.place, one)}" for one in expand_braces(search.include)] if search.include else []
    )
    flags = ["-n", "-z", "-I", "-P", "--no-color", "-e", search.pattern]
    pathspecs = ["--", *(included or [f":(literal){search.place}"])]
    done = await _git_grep(workspace, ["--untracked", *flags, *pathspecs])
    if done.exit_code not in {_FOUND, _NOTHING} and _NO_REPOSITORY in done.stderr:
        done = await _git_grep(workspace, ["--no-index", *flags, *pathspecs])
    if done.exit_code not in {_FOUND, _NOTHING} and not done.is_cut:
        raise _bad_pattern(done)
    return _parse(done, line_end=b"\0")


async def _git_grep(workspace: Workspace, arguments: list[str]) -> Completed:
    return await workspace.run(["git", "grep", *arguments], timeout=_TIMEOUT, cap=_OUTPUT_CAP)


def _below(place: str, include: str) -> str:
    """`include` as a git pathspec below `place`, in which nothing but `include` itself is a pattern."""
    include = include.removeprefix("./")
    if "/" not in include:
        include = f"**/{include}"
    prefix = "" if place == "." else "".join(f"\\{one}" if one in "*?[\\" else one for one in place) + "/"
    return prefix + include.removeprefix("/")


def _bad_pattern(done: Completed) -> ToolError:
    lines = [line.strip() for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    reasons = [line for line in lines if line.startswith(("error:", "fatal:"))] or lines[:1]
    reason = reasons[0].removeprefix("error:").removeprefix("fatal:").strip() if reasons else "no reason given"
    return ToolError(f"The search failed: {reason[:300]}. Escape characters that should stand for themselves.")


def _parse(done: Completed, *, line_end: bytes) -> list[Match]:
    """Lines of the form `PATH NUL NUMBER line_end TEXT`; whatever else the program says is passed over."""
    found = []
    lines = done.stdout.split(b"\n")
    for line in lines[:-1]:
        path, _, rest = line.partition(b"\0")
        number, separator, text = rest.partition(line_end)
        if separator and number.isdigit():
            found.append(
                Match(
                    path=path.decode("utf-8", "replace").removeprefix("./"),
                    line=int(number),
                    text=text.decode("utf-8", "replace").removesuffix("\r"),
                )
            )
    return found
