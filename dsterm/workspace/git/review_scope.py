"""What a review is about: the commit it compares with, named by the user or where this branch left the default one; new files."""

from __future__ import annotations

from pathlib import Path

from dsterm.core.errors import UsageError
from dsterm.workspace.git.commits import resolve_commit
from dsterm.workspace.git.git_hardening import GitCall, GitDoor

_DEFAULTS = (
    "refs/remotes/origin/HEAD",
    "refs/remotes/origin/main",
    "refs/remotes/origin/master",
    "refs/heads/main",
    "refs/heads/master",
)
"""Where the default branch is, best first."""


async def review_base(door: GitDoor, root: Path, base: str) -> str:
    """The commit to compare with. UsageError when `base` names none, or when there is no commit at all."""
    if base:
        return await resolve_commit(door, root, base, required=True)
    head = await resolve_commit(door, root, "HEAD", required=False)
    if not head:
        raise UsageError("There is no commit here yet to compare with. Commit something first.")
    for name in _DEFAULTS:
        if default := await resolve_commit(door, root, name, required=False):
            done = await door.run(GitCall(arguments=("merge-base", head, default), folder=root))
            # Without a common ancestor there is nothing that this branch has left.
            return done.stdout.decode("ascii").strip() if done.exit_code == 0 else head
    return head


async def untracked_files(door: GitDoor, root: Path) -> tuple[str, ...]:
    """Files below `root` that git doesn't know and doesn't ignore, in the order of their names."""
    call = GitCall(arguments=("ls-files", "--others", "--exclude-standard", "-z"), folder=root)
    names = (await door.output(call)).split(b"\0")
    # A name that ends with a slash is another repository.
    paths = (name.decode("utf-8", "surrogateescape") for name in names if name and not name.endswith(b"/"))
    return tuple(sorted(paths))
