"""The last commits, a line each."""

from __future__ import annotations

from pathlib import Path

from dsterm.workspace.git.commits import resolve_commit
from dsterm.workspace.git.git_hardening import GitCall, GitDoor


async def recent_commits(door: GitDoor, root: Path, count: int) -> tuple[str, ...]:
    """Short name, day and subject of the last `count` commits, newest first; none before the first. UsageError, GitError."""
    if not await resolve_commit(door, root, "HEAD", required=False):
        return ()
    arguments = ("log", "-z", f"-{count}", "--no-decorate", "--no-color", "--date=short", "--format=%h %ad %s")
    text = await door.output(GitCall(arguments=arguments, folder=root, cap=1_000_000))
    return tuple(line.decode("utf-8", "replace") for line in text.split(b"\0") if line)
