"""The real SourceReader: whatever the user names to attach is listed here, read, and asked for its history."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from dsterm.core.attachments import PackChoice, ReadFile, SourceFile, Survey, WorkStage, WorkState
from dsterm.core.errors import GitError, UsageError
from dsterm.workspace.git.git_hardening import GitDoor
from dsterm.workspace.git.git_source import LocalSource, parse_source
from dsterm.workspace.sources.reading import Reader, read_disk, read_objects
from dsterm.workspace.sources.reasons import name_reason
from dsterm.workspace.sources.work_tree import Listed, list_work_tree


class Sources:
    """Sources for the workspace `root`: git is reached through `door`, None where it is not installed.

    `clones` holds fetched repositories, `closed` are dsterm's own folders; no file of more than `cap` bytes is read. In folders
    that are not trusted git starts for what is attached, too: nobody attaches but the user.
    """

    def __init__(
        self, door: GitDoor | None, root: Path, *, clones: Path, closed: Sequence[Path] = (), cap: int
    ) -> None:
        self._door = door
        self._root = root.resolve()
        self._clones = clones
        self._closed = tuple(folder.resolve() for folder in closed)
        self._cap = cap

    async def survey(self, source: str, choice: PackChoice, tell: Callable[[WorkState], None]) -> Survey:
        """The files of `source`; see `SourceReader`."""
        parsed = await asyncio.to_thread(parse_source, source, self._root)
        tell(WorkState(stage=WorkStage.LISTING))
        if not isinstance(parsed, LocalSource) or parsed.revision:
            raise UsageError("Only work trees, so far.")
        listed = await list_work_tree(
            self._required_door(), parsed.folder, tracked_only=choice.tracked_only, enters=choice.enters
        )
        return await asyncio.to_thread(self._survey, source.strip(), parsed.folder, listed, choice)

    def read(self, survey: Survey, files: Sequence[SourceFile]) -> AsyncIterator[list[ReadFile]]:
        """The bytes of `files`; see `SourceReader`. Their blobs are those of the bytes read, so keep counts under these."""
        digits = len(survey.commit) or max((len(file.blob) for file in files), default=0) or 40
        reader = Reader(folder=survey.folder, closed=self._closed, cap=self._cap, digits=digits)
        if survey.revision:
            return read_objects(self._required_door(), reader, files)
        return read_disk(reader, files)

    async def ages(self, survey: Survey) -> Mapping[str, int]:
        """How many commits ago each file changed last; see `SourceReader`."""
        return {}

    def _survey(self, source: str, folder: Path, listed: Listed, choice: PackChoice) -> Survey:
        sizes = listed.sizes
        files = [
            SourceFile(
                path=path,
                blob=blob,
                size=sizes.get(path, -1),
                reason=name_reason(path, takes_secrets=choice.takes_secrets),
            )
            for path, blob in listed.blobs.items()
        ]
        return Survey(
            source=source,
            folder=folder,
            place=self._place(folder),
            commit=listed.commit,
            is_dirty=listed.is_dirty,
            files=tuple(files),
            named=listed.named,
        )

    def _place(self, folder: Path) -> str | None:
        if not folder.is_relative_to(self._root):
            return None
        place = folder.relative_to(self._root).as_posix()
        return "" if place == "." else place

    def _required_door(self) -> GitDoor:
        if self._door is None:
            raise GitError("git is not installed, or stands inside this folder. Install it to attach repositories.")
        return self._door
