"""Which commit a name means, and how many files differ from it, through the hardened door."""

from __future__ import annotations

from pathlib import Path

from dsterm.core.errors import UsageError
from dsterm.workspace.git.git_hardening import GitCall, GitDoor, explain


async def resolve_commit(
    door: GitDoor, folder: Path, revision: str, *, required: bool, git_folder: Path | None = None
) -> str:
    """The full name of the commit; nothing when it isn't there and not `required`, else UsageError.

    `git_folder` is the one to ask where `folder` is no work tree.
    """
    arguments = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    done = await door.run(GitCall(arguments=arguments, folder=folder, git_folder=git_folder))
    if done.exit_code == 0:
        return done.stdout.decode("ascii").strip()
    if done.stderr.strip() and b"Needed a single revision" not in done.stderr:
        raise explain(done.stderr, folder)
    if required:
        raise UsageError(f"{revision} names no commit in {folder}. `git log` and `git branch -a` there show what does.")
    return ""


async def changed_files(door: GitDoor, folder: Path, *, timeout: float = 30.0) -> int:
    """How many files below `folder` differ from HEAD or are untracked; a folder of untracked ones counts once."""
    status = ("status", "--porcelain=v2", "-z", "--ignore-submodules=all", "--untracked-files=normal", "--no-renames")
    call = GitCall(arguments=(*status, "--", "."), folder=folder, timeout=timeout, compares_files=True)
    return (await door.output(call)).count(b"\0")
