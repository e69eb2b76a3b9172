"""The files of a commit, and what a repository says of its history; a bare repository will do."""

from __future__ import annotations

from pathlib import Path

import msgspec

from dsterm.core.errors import UsageError
from dsterm.core.left_out_reasons import SYMLINK
from dsterm.workspace.git.commits import resolve_commit
from dsterm.workspace.git.git_hardening import GitCall, GitDoor
from dsterm.workspace.git.git_head import is_bare
from dsterm.workspace.sources.git_listing import COMMIT_MARK, decode, parse_history, parse_tree
from dsterm.workspace.sources.listed import Listed
from dsterm.workspace.sources.reasons import SUBMODULE

_TIMEOUT = 120.0
_COMMITS = 2_000
"""How far back a history is read: what did not change within them is old enough."""
_LOG = (
    *("-c", "log.showRoot=true", "log", f"--max-count={_COMMITS}", "-z", "--name-only", "--no-renames", "--no-notes"),
    *("--no-show-signature", "--no-decorate", "--no-mailmap", "--diff-merges=off", "-O/dev/null"),
    f"--format=tformat:{COMMIT_MARK}",
)
_SINCE = ("diff", "--cached", "--name-only", "-z", "--no-renames", "-O/dev/null")


class Repository(msgspec.Struct, frozen=True, kw_only=True):
    """A repository seen from `folder`, which may be the git folder itself."""

    door: GitDoor
    folder: Path

    async def output(self, *arguments: str, stdin: bytes = b"", cap: int = 256_000_000) -> bytes:
        """What git says; UsageError, GitError."""
        return await self.door.output(self._call(arguments, stdin, cap))

    async def output_if_any(self, *arguments: str) -> bytes | None:
        """The same, None where git fails."""
        done = await self.door.run(self._call(arguments))
        return done.stdout if done.exit_code == 0 and not done.is_cut else None

    async def commit(self, revision: str, *, required: bool = True) -> str:
        """The full name of the commit; nothing when it isn't there and not `required`, else UsageError."""
        return await resolve_commit(self.door, self.folder, revision, required=required, git_folder=self._git_folder())

    def _call(self, arguments: tuple[str, ...], stdin: bytes = b"", cap: int = 256_000_000) -> GitCall:
        git_folder = self._git_folder()
        return GitCall(
            arguments=arguments, folder=self.folder, timeout=_TIMEOUT, stdin=stdin, cap=cap, git_folder=git_folder
        )

    def _git_folder(self) -> Path | None:
        return self.folder if is_bare(self.folder) else None


async def list_commit(repository: Repository, commit: str, name: str = "") -> Listed:
    """The files of `commit` below the folder, or of them the file `name` alone. UsageError where it is not in there."""
    only = ("--", name) if name else ()
    tree = parse_tree(await repository.output("ls-tree", "-r", "-l", "-z", commit, *only))
    if name and not tree.files:
        raise UsageError(f"{name} is not among the files of that commit. `git ls-tree -r --name-only` shows which are.")
    return Listed(
        blobs={file.path: file.blob for file in tree.files},
        sizes={file.path: file.size for file in tree.files},
        named=dict.fromkeys(tree.links, SYMLINK) | dict.fromkeys(tree.submodules, SUBMODULE),
        commit=commit,
    )


async def changed_since(repository: Repository, since: str, until: str = "") -> frozenset[str]:
    """The paths that differ between `since` and the commit `until`, else the index; deleted ones among them. UsageError."""
    base = await repository.commit(since)
    between = (*(one for one in _SINCE if one != "--cached"), base, until) if until else (*_SINCE, base)
    listing = await repository.output(between[0], *_relative(repository), *between[1:], "--")
    return frozenset(path for path in decode(listing).split("\0") if path)


async def history(repository: Repository, commit: str) -> dict[str, int]:
    """How many commits ago each path changed last, seen from `commit`; empty where the history is cut off or incomplete."""
    shallow = await repository.output_if_any("rev-parse", "--is-shallow-repository")
    if not commit or shallow is None or shallow.strip() != b"false":
        return {}
    # A partial clone may lack the older trees, and nothing is fetched for an order.
    listing = await repository.output_if_any(*_LOG, *_relative(repository), commit, "--")
    return parse_history(listing) if listing is not None else {}


def _relative(repository: Repository) -> tuple[str, ...]:
    return ("--no-relative",) if is_bare(repository.folder) else ("--relative",)
