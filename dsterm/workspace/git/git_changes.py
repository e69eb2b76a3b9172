"""What has changed in a repository, as a diff and as names, through the hardened door; paths are relative to the folder given."""

from __future__ import annotations

from pathlib import Path

from dsterm.core.errors import GitError
from dsterm.workspace.git.commits import resolve_commit
from dsterm.workspace.git.git_hardening import GitCall, GitDoor, explain

_TIMEOUT = 60.0
# Whatever the repository or the user sets, the text comes out in one form.
_FORM = (
    *("--patch", "--no-color", "--no-color-moved", "--unified=3", "--inter-hunk-context=0", "--find-renames"),
    *("--src-prefix=a/", "--dst-prefix=b/", "--submodule=short", "-O/dev/null"),
)
# Names alone would be those of files that were only touched, too.
_COUNTS = ("--numstat", "-z", "--no-renames", "-O/dev/null")


async def diff(door: GitDoor, root: Path, base: str, *, staged: bool, cap: int) -> str:
    """Tracked files below `root`, as they stand or (`staged`) as they would be committed, against `base` or HEAD.

    UsageError when `base` names no commit, GitError when the diff has more than `cap` bytes.
    """
    call = GitCall(
        arguments=("diff", *_FORM, *await _against(door, root, base, staged=staged)),
        folder=root,
        timeout=_TIMEOUT,
        cap=cap,
        compares_files=True,
    )
    done = await door.run(call)
    if done.is_cut:
        raise GitError(f"The changes have more than {cap:,} bytes. Look at fewer of them at a time.")
    if done.exit_code != 0:
        raise explain(done.stderr, root)
    return done.stdout.decode("utf-8", "replace")


async def changed_names(door: GitDoor, root: Path, *, staged: bool) -> tuple[str, ...]:
    """The tracked files below `root` that differ from HEAD, in the order of their names."""
    arguments = ("diff", *_COUNTS, *await _against(door, root, "", staged=staged))
    call = GitCall(arguments=arguments, folder=root, timeout=_TIMEOUT, compares_files=True)
    lines = (line.split(b"\t", 2) for line in (await door.output(call)).split(b"\0") if line)
    return tuple(sorted(name.decode("utf-8", "surrogateescape") for _, _, name in lines))


async def staged_elsewhere(door: GitDoor, root: Path) -> int:
    """How many files outside `root`, in the same repository, a commit would change as well."""
    compared = (await _against(door, root, "", staged=True))[:-2]
    everywhere = (*(argument for argument in compared if argument != "--relative"), "--", ":/")
    call = GitCall(arguments=("diff", *_COUNTS, *everywhere), folder=root, timeout=_TIMEOUT, compares_files=True)
    count = (await door.output(call)).count(b"\0")
    return count - len(await changed_names(door, root, staged=True))


async def _against(door: GitDoor, root: Path, base: str, *, staged: bool) -> tuple[str, ...]:
    """The arguments that say what is compared; before the first commit that is nothing at all."""
    commit = await resolve_commit(door, root, base or "HEAD", required=bool(base))
    if not commit:
        call = GitCall(arguments=("hash-object", "-t", "tree", "/dev/null"), folder=root)
        commit = (await door.output(call)).decode("ascii").strip()
    return (*(("--cached",) if staged else ()), "--relative", commit, "--", ".")
