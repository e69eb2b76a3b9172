"""git as the rest of dsterm sees it: the branch, what changed, and the last commits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dsterm.core.errors import GitError, UsageError
from dsterm.workspace.git import git_changes, review_scope
from dsterm.workspace.git.commits import changed_files
from dsterm.workspace.git.git_hardening import GitCall, GitDoor
from dsterm.workspace.git.git_head import find_git_folder, read_branch
from dsterm.workspace.git.recent_commits import recent_commits


class Git:
    """git for the folder `root`; `program` is None without git. It doesn't start in a folder that is not trusted."""

    def __init__(
        self, program: Path | None, root: Path, *, environment: Mapping[str, str], is_trusted: bool = True
    ) -> None:
        self._root = root.resolve()
        self._is_trusted = is_trusted
        self._door = GitDoor(program, environment, outside=self._root) if program else None

    @property
    def door(self) -> GitDoor | None:
        """How git is reached, for the other parts of this room; None without git."""
        return self._door

    def branch(self) -> str:
        """The branch of `root`, a short commit when detached, or nothing; read without starting git."""
        return read_branch(self._root)

    async def dirty_count(self, *, timeout: float = 5.0) -> int:
        """Files changed or untracked below `root`; 0 without git, a repository or trust. GitError after `timeout` seconds."""
        if self._door is None or not self._is_trusted or find_git_folder(self._root) is None:
            return 0
        return await changed_files(self._door, self._root, timeout=timeout)

    async def diff(self, base: str = "", *, staged: bool = False, cap: int) -> str:
        """Tracked files below `root` against the commit `base`, else HEAD, as git prints it: as they stand, or as staged.

        New files that git doesn't know are not in it, see `untracked_files`. UsageError when `base` names no commit or the folder
        is not trusted, GitError when it has more than `cap` bytes.
        """
        return await git_changes.diff(self._trusted_door(), self._root, base, staged=staged, cap=cap)

    async def staged_files(self) -> tuple[str, ...]:
        """Files below `root` that a commit would change, relative to it."""
        return await git_changes.changed_names(self._trusted_door(), self._root, staged=True)

    async def staged_elsewhere(self) -> int:
        """How many files outside `root`, in the same repository, a commit would change as well."""
        return await git_changes.staged_elsewhere(self._trusted_door(), self._root)

    async def changed_files(self) -> tuple[str, ...]:
        """Files below `root` that differ from HEAD or are new to git, relative to it."""
        changed = await git_changes.changed_names(self._trusted_door(), self._root, staged=False)
        return tuple(sorted({*changed, *await self.untracked_files()}))

    async def untracked_files(self) -> tuple[str, ...]:
        """Files below `root` that git doesn't know and doesn't ignore, relative to it."""
        return await review_scope.untracked_files(self._trusted_door(), self._root)

    async def recent_commits(self, count: int) -> tuple[str, ...]:
        """The last `count` commits, newest first: short name, day, subject. UsageError where the folder is not trusted."""
        return await recent_commits(self._trusted_door(), self._root, count)

    async def review_base(self, base: str) -> str:
        """The commit that a review compares with: `base`, else where this branch left the default one. UsageError."""
        return await review_scope.review_base(self._trusted_door(), self._root, base)

    async def begin(self, message: str) -> None:
        """Make `root` a repository whose first commit, by dsterm itself, holds all its files; GitError when git can't."""
        if self._door is None:
            raise GitError("git is not installed, or stands inside this folder. Install it to make a repository.")
        # Signing would ask the user for a passphrase, for a commit that is not theirs.
        author = ("-c", "user.name=dsterm", "-c", "user.email=dsterm@localhost", "-c", "commit.gpgSign=false")
        for arguments in (("init", "-q", "-b", "main"), ("add", "-A"), (*author, "commit", "-q", "-m", message)):
            await self._door.output(GitCall(arguments=arguments, folder=self._root))

    def _trusted_door(self) -> GitDoor:
        if not self._is_trusted:
            raise UsageError("git is used here only once you trust this folder. /trust yes says so.")
        if self._door is None:
            raise GitError("git is not installed, or stands inside this folder. Install it first.")
        return self._door
