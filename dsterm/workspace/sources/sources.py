"""The real SourceReader: whatever the user names to attach is listed here, read, and asked for its history."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from dsterm.core.attachments import DocumentText, PackChoice, Preset, ReadFile, SourceFile, Survey, WorkStage, WorkState
from dsterm.core.errors import GitError, UsageError
from dsterm.workspace.git.clone import fetch
from dsterm.workspace.git.git_hardening import GitDoor
from dsterm.workspace.git.git_head import find_work_tree, is_bare
from dsterm.workspace.git.git_source import LocalSource, RemoteSource, parse_source
from dsterm.workspace.sources.commit_listing import Repository, changed_since, history, list_commit
from dsterm.workspace.sources.document_files import find_documents
from dsterm.workspace.sources.documents import Documents
from dsterm.workspace.sources.judging import Judge
from dsterm.workspace.sources.listed import Listed, left_out
from dsterm.workspace.sources.plain_folder import list_plain_folder
from dsterm.workspace.sources.reading import Reader, read_disk, read_objects
from dsterm.workspace.sources.work_tree import enter, list_work_tree, look

Tell = Callable[[WorkState], None]


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """A source that was found: where its files are, `revision` (a full commit) when in git's objects, and the listing.

    `is_single`: one file was named. `is_fetched`: it lies in dsterm's own folder of clones.
    """

    folder: Path
    listed: Listed
    revision: str = ""
    is_repository: bool = True
    is_single: bool = False
    is_fetched: bool = False


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
        self._documents = Documents()

    async def survey(self, source: str, choice: PackChoice, tell: Tell) -> Survey:
        """The files of `source`; see `SourceReader`."""
        parsed = await asyncio.to_thread(parse_source, source, self._root)
        if isinstance(parsed, RemoteSource):
            found = await self._fetched(parsed, tell)
        else:
            tell(WorkState(stage=WorkStage.LISTING))
            found = await self._local(parsed, choice, tell)
        changed = await self._changed(found, choice)
        # What was fetched lies in a folder of dsterm's own, and is none of dsterm's own files.
        closed = () if found.is_fetched else self._closed
        judge = Judge(folder=found.folder, cap=self._cap, closed=closed, takes_secrets=choice.takes_secrets)
        if found.revision:
            judged = await judge.of_commit(Repository(door=self._required_door(), folder=found.folder), found.listed)
        else:
            judged = await asyncio.to_thread(judge.on_disk, found.listed)
        files, documents = await asyncio.to_thread(
            lambda: find_documents(judged.files, cap=self._cap, is_asked_for=found.is_single or not found.is_repository)
        )
        return Survey(
            source=source.strip(),
            folder=found.folder,
            place=None if found.revision else self._place(found.folder),
            revision=found.revision,
            commit=found.listed.commit,
            is_dirty=found.listed.is_dirty,
            files=files,
            named=left_out(judged.named),
            changed=changed,
            documents=documents,
        )

    def read(self, survey: Survey, files: Sequence[SourceFile]) -> AsyncIterator[list[ReadFile]]:
        """The bytes of `files`; see `SourceReader`. Their blobs are those of the bytes read, so keep counts under these."""
        digits = len(survey.commit) or max((len(file.blob) for file in files), default=0) or 40
        reader = Reader(folder=survey.folder, closed=self._closed, cap=self._cap, digits=digits)
        if survey.revision:
            return read_objects(self._required_door(), reader, files)
        return read_disk(reader, files)

    async def texts(self, survey: Survey, batch: Sequence[ReadFile]) -> Mapping[str, DocumentText]:
        """The texts of the documents in `batch`; see `SourceReader`."""
        return await self._documents.texts(survey.documents, batch)

    async def document(self, name: str, data: bytes) -> DocumentText | None:
        """The text of one document; see `SourceReader`."""
        return await self._documents.text(name, data)

    async def ages(self, survey: Survey) -> Mapping[str, int]:
        """How many commits ago each file changed last; see `SourceReader`."""
        if self._door is None or not survey.commit:
            return {}
        return await history(Repository(door=self._door, folder=survey.folder), survey.commit)

    async def _fetched(self, source: RemoteSource, tell: Tell) -> _Found:
        door = self._required_door()
        tell(WorkState(stage=WorkStage.FETCHING))
        folder, ref = await fetch(
            door, source, self._clones, lambda line: tell(WorkState(stage=WorkStage.FETCHING, detail=line))
        )
        tell(WorkState(stage=WorkStage.LISTING))
        repository = Repository(door=door, folder=folder)
        commit = await repository.commit(ref)
        return _Found(folder=folder, listed=await list_commit(repository, commit), revision=commit, is_fetched=True)

    async def _local(self, source: LocalSource, choice: PackChoice, tell: Tell) -> _Found:
        is_file = source.folder.is_file()
        folder = source.folder.parent if is_file else source.folder
        bare = is_bare(folder)
        if source.revision or bare:
            repository = Repository(door=self._required_door(), folder=folder)
            commit = await repository.commit(source.revision or "HEAD")
            listed = await list_commit(repository, commit, source.folder.name if is_file else "")
            return _Found(folder=folder, listed=listed, revision=commit, is_single=is_file)
        if is_file:
            return await asyncio.to_thread(self._single, source.folder)
        if find_work_tree(folder) is None:
            return await self._plain(folder, choice, tell)
        door = self._required_door()
        listed = await list_work_tree(door, folder, tracked_only=choice.tracked_only, enters=choice.enters)
        if not (listed.blobs or listed.named or choice.tracked_only) and find_work_tree(folder) != folder:
            # git ignores the folder as a whole, and yet it was named.
            return await self._plain(folder, choice, tell)
        return _Found(folder=folder, listed=listed)

    async def _plain(self, folder: Path, choice: PackChoice, tell: Tell) -> _Found:
        def say(count: int) -> None:
            tell(WorkState(stage=WorkStage.LISTING, done=count))

        listed = await list_plain_folder(folder, closed=self._closed, enters=choice.enters, tell=say)
        if self._door:
            listed = await enter(self._door, folder, listed, tracked_only=choice.tracked_only, enters=choice.enters)
        return _Found(folder=folder, listed=listed, is_repository=False)

    def _single(self, path: Path) -> _Found:
        size = look(path.parent, [path.name]).get(path.name)
        if not isinstance(size, int):
            raise UsageError(f"{path} is {size or 'gone'}. Attach a file or a folder.")
        return _Found(
            folder=path.parent, listed=Listed(blobs={path.name: ""}, sizes={path.name: size}), is_repository=False
        )

    async def _changed(self, found: _Found, choice: PackChoice) -> frozenset[str]:
        """The files of the listing that differ from what the choice compares with; none where it compares with nothing."""
        since = choice.since or ("HEAD" if choice.preset is Preset.CHANGED else "")
        if not since:
            return frozenset()
        blobs = found.listed.blobs
        if not found.is_repository:
            raise UsageError(f"{found.folder} has no commits to compare with. Choose another preset than what changed.")
        if not choice.since and not found.listed.commit:
            return frozenset(blobs)
        repository = Repository(door=self._required_door(), folder=found.folder)
        names = await changed_since(repository, since, found.revision)
        # What git has no blob for differs from the index, or is new.
        return frozenset(path for path, blob in blobs.items() if not blob or path in names)

    def _place(self, folder: Path) -> str | None:
        if not folder.is_relative_to(self._root):
            return None
        place = folder.relative_to(self._root).as_posix()
        return "" if place == "." else place

    def _required_door(self) -> GitDoor:
        if self._door is None:
            raise GitError("git is not installed, or stands inside this folder. Install it to attach repositories.")
        return self._door
