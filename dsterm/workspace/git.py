"""git as the rest of dsterm sees it: the branch, how many files changed, and repositories to attach."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from dsterm.core.errors import GitError
from dsterm.core.workspace import RepoSnapshot
from dsterm.workspace.clone import fetch
from dsterm.workspace.git_hardening import GitCall, GitDoor
from dsterm.workspace.git_head import find_git_folder, read_branch
from dsterm.workspace.git_source import LocalSource, parse_source
from dsterm.workspace.repo_snapshot import Place, changed_files, snapshot_revision, snapshot_work_tree


def _say_nothing(_line: str) -> None:
    """Progress that nobody watches."""


class Git:
    """git for the folder `root`; `program` is None where git is not installed, `clones` holds fetched repositories."""

    def __init__(self, program: Path | None, root: Path, *, clones: Path, environment: Mapping[str, str]) -> None:
        self._root = root.resolve()
        self._clones = clones
        self._door = GitDoor(program, environment, outside=self._root) if program else None

    def branch(self) -> str:
        """The branch of `root`, a short commit when detached, or nothing; read without starting git."""
        return read_branch(self._root)

    async def dirty_count(self, *, timeout: float = 5.0) -> int:
        """Files changed or untracked below `root`; 0 where there is no repository or no git. GitError after `timeout` seconds."""
        if self._door is None or find_git_folder(self._root) is None:
            return 0
        return await changed_files(self._door, self._root, timeout=timeout)

    async def snapshot(self, source: str, *, cap: int, progress: Callable[[str], None] = _say_nothing) -> RepoSnapshot:
        """The text files of `PATH`, `PATH@REV` or `URL[@REV]`, none over `cap` bytes; a URL is fetched first.

        UsageError when `source` names no repository or revision, GitError when git is missing, refuses or takes too long.
        """
        if self._door is None:
            raise GitError("git is not installed, or stands inside this folder. Install it to attach repositories.")
        parsed = await asyncio.to_thread(parse_source, source, self._root)
        if isinstance(parsed, LocalSource):
            place = Place(source=source.strip(), folder=parsed.folder, cap=cap)
            if not parsed.revision:
                return await snapshot_work_tree(self._door, place)
            return await snapshot_revision(self._door, place, parsed.revision)
        folder, ref = await fetch(self._door, parsed, self._clones, progress)
        return await snapshot_revision(self._door, Place(source=source.strip(), folder=folder, cap=cap), ref)

    async def begin(self, message: str) -> None:
        """Make `root` a repository whose first commit, by dsterm itself, holds all its files; GitError when git can't."""
        if self._door is None:
            raise GitError("git is not installed, or stands inside this folder. Install it to make a repository.")
        author = ("-c", "user.name=dsterm", "-c", "user.email=dsterm@localhost")
        for arguments in (("init", "-q", "-b", "main"), ("add", "-A"), (*author, "commit", "-q", "-m", message)):
            await self._door.output(GitCall(arguments=arguments, folder=self._root))
