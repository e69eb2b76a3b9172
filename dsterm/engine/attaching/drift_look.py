"""What differs on disk from what the model was told of the followed packs: only files that git says changed are opened."""

from __future__ import annotations

import asyncio
import stat
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from dsterm.context.choice import levels
from dsterm.context.told_change import NOT_SHOWN, TextChange
from dsterm.core.attachments import DocumentText, Level, PackChoice, ReadFile, SourceFile, Survey
from dsterm.core.left_out_reasons import BINARY, NOT_TEXT, UNREADABLE
from dsterm.core.messages import Pack
from dsterm.core.secret_names import looks_secret
from dsterm.core.services import Outline, SourceReader
from dsterm.engine.attaching.packing import as_text
from dsterm.engine.attaching.renames import FoundChange, joined_renames
from dsterm.engine.attaching.told_files import ToldFile, ToldTexts, workspace_path
from dsterm.workspace.sources.reasons import content_reason

_GONE = "gone"
_FRESH = 3.0
"""Seconds within which a file may change again without another time stamp."""

_Stamp = tuple[int, int, int, int]


class DriftLook:
    """Looks at the followed packs of one session again and again, and remembers what needs no second look."""

    def __init__(self, sources: SourceReader, outline: Outline) -> None:
        self._sources = sources
        self._outline = outline
        self._seen: dict[str, tuple[_Stamp, str]] = {}
        self._settled: dict[str, tuple[str, str]] = {}

    async def look(self, pack: Pack, told: Mapping[str, ToldFile], texts: ToldTexts) -> list[FoundChange]:
        """What the model doesn't know yet of the files of `pack`, by path. Raises what the survey raises."""
        choice = pack.choice or PackChoice()
        survey = await self._sources.survey(pack.source, choice, lambda _state: None)
        if survey.place != pack.place or survey.revision:
            return []
        one = _PackLook(self, pack, survey, told, texts)
        wanted = await asyncio.to_thread(one.compare, choice)
        if wanted:
            async for batch in self._sources.read(survey, wanted):
                documents = await asyncio.to_thread(one.changed_documents, batch) if survey.documents else []
                taken = await self._sources.texts(survey, documents) if documents else {}
                await asyncio.to_thread(one.take, batch, taken)
        return await asyncio.to_thread(one.changes)

    def outline(self, path: str, text: str) -> str:
        """The outline of a file."""
        return self._outline.outline(path, text)

    def known_blob(self, place: Path, path: str) -> str:
        """The name of the bytes at `place` where they were read and didn't change since; empty where that isn't sure."""
        stamp = _stamp(place)
        seen = self._seen.get(path)
        return seen[1] if seen is not None and stamp is not None and seen[0] == stamp else ""

    def remember(self, place: Path, path: str, stamp: _Stamp | None, blob: str) -> None:
        """The bytes `blob` stood at `place`, whose stamp was `stamp` before they were read."""
        if stamp is not None and stamp == _stamp(place) and time.time_ns() - max(stamp[2:]) > _FRESH * 1e9:
            self._seen[path] = (stamp, blob)

    def settle(self, path: str, blob: str, known: ToldFile | None) -> None:
        """These bytes are nothing to tell of to who knows `known`."""
        self._settled[path] = (blob, _key(known))

    def is_settled(self, path: str, blob: str, known: ToldFile | None) -> bool:
        """Whether that was found before."""
        return bool(blob) and self._settled.get(path) == (blob, _key(known))


class _PackLook:
    """One look at one pack."""

    def __init__(
        self, memory: DriftLook, pack: Pack, survey: Survey, told: Mapping[str, ToldFile], texts: ToldTexts
    ) -> None:
        self._memory = memory
        self._pack = pack
        self._survey = survey
        self._told = told
        self._texts = texts
        self._takes_secrets = pack.choice is not None and pack.choice.takes_secrets
        self._stamps: dict[str, _Stamp | None] = {}
        self._levels: dict[str, Level] = {}
        self._blobs: dict[str, str] = {}
        self._found: list[FoundChange] = []

    def compare(self, choice: PackChoice) -> list[SourceFile]:
        """The files that have to be read. Blocks."""
        wanted: list[SourceFile] = []
        met: set[str] = set()
        for file, level in zip(self._survey.files, levels(self._survey, choice), strict=True):
            path = workspace_path(self._pack, file.path)
            met.add(path)
            if self._is_wanted(file, path, level):
                wanted.append(file)
        for path, known in self._told.items():
            if known.pack == self._pack.digest and path not in met and not self._is_secret(path):
                unlisted = self._unlisted(path)
                if unlisted is None:
                    self._add_gone(path, known)
                elif self._is_wanted(unlisted, path, known.level):
                    wanted.append(unlisted)
        for file in wanted:
            self._stamps[file.path] = _stamp(self._survey.folder / file.path)
        return wanted

    def changed_documents(self, batch: Sequence[ReadFile]) -> list[ReadFile]:
        """The documents in `batch` of whose bytes the text is not what was told; a page that was written here is source text."""
        return [read for read in batch if self._is_document(read) and not self._is_told(read)]

    def take(self, batch: Sequence[ReadFile], documents: Mapping[str, DocumentText]) -> None:
        """Compare what was read with what was told; `documents` are texts of changed ones. Blocks."""
        for found in batch:
            document = documents.get(found.file.path)
            read = found if document is None else as_text(found, document)
            path = workspace_path(self._pack, read.file.path)
            known = self._told.get(path)
            self._memory.remember(
                self._survey.folder / read.file.path, path, self._stamps.get(read.file.path), read.file.blob
            )
            text, why = _text_of(read)
            if document is None and self._is_document(read) and self._is_told(read):
                self._settle(path, read, known)
            elif text is not None:
                self._take_text(path, read, text, known)
            elif known is None or not known.has_text:
                self._settle(path, read, known)
            elif why == _GONE:
                self._add_gone(path, known)
            else:
                self._add(TextChange(path=path, before=self._texts.text(known), after=None, why=why), known, "")

    def changes(self) -> list[FoundChange]:
        """What was found, renames put together. Blocks."""
        return joined_renames(sorted(self._found, key=lambda found: found.change.path))

    def _is_wanted(self, file: SourceFile, path: str, level: Level) -> bool:
        known = self._told.get(path)
        if self._is_secret(file.path) or (known is None and level is Level.OUT):
            return False
        if known is not None and (known.pack != self._pack.digest or not (known.has_text or known.stale)):
            return False
        if level is Level.LISTED and known is None:
            self._levels[file.path] = level
            self._add(TextChange(path=path, before=None, after=None, why=NOT_SHOWN), None, file.blob or "listed")
            return False
        self._levels[file.path] = known.level if known is not None else level
        blob = file.blob or self._memory.known_blob(self._survey.folder / file.path, path)
        self._blobs[path] = blob
        if known is not None and blob == (known.stale or known.blob) and blob:
            return False
        return not self._memory.is_settled(path, blob, known)

    def _take_text(self, path: str, read: ReadFile, text: str, known: ToldFile | None) -> None:
        level = self._levels.get(read.file.path, Level.FULL)
        is_source = not self._is_document(read)
        if known is None and is_source and content_reason(read.file.path, read.data or b""):
            self._settle(path, read, known)
            return
        after = self._memory.outline(read.file.path, text) if level is Level.OUTLINE else text
        before = self._texts.text(known) if known is not None else None
        if before == after and not (known and known.stale):
            self._settle(path, read, known)
            return
        is_unsure = before is None and known is not None and known.has_text
        change = TextChange(
            path=path, before=before, after=after, is_outline=level is Level.OUTLINE, is_unsure=is_unsure
        )
        self._add(change, known, read.file.blob, level)

    def _is_document(self, read: ReadFile) -> bool:
        known = self._told.get(workspace_path(self._pack, read.file.path))
        is_written_here = known is not None and known.saved is not None
        return read.data is not None and read.file.path in self._survey.documents and not is_written_here

    def _is_told(self, read: ReadFile) -> bool:
        known = self._told.get(workspace_path(self._pack, read.file.path))
        return known is not None and read.file.blob == (known.stale or known.blob)

    def _settle(self, path: str, read: ReadFile, known: ToldFile | None) -> None:
        """Nothing to tell: found again by the name that git lists, which a filter may make differ from that of the bytes."""
        self._memory.settle(path, self._blobs.get(path) or read.file.blob, known)

    def _add_gone(self, path: str, known: ToldFile) -> None:
        if known.stale != _GONE:
            self._add(TextChange(path=path, before=self._texts.text(known), after=None), known, "")

    def _add(self, change: TextChange, known: ToldFile | None, after: str, level: Level = Level.FULL) -> None:
        level = known.level if known else level
        level = Level.LISTED if change.why == NOT_SHOWN else level
        before = known.blob if known else ""
        self._found.append(FoundChange(change=change, level=level, before=before, after=after))

    def _is_secret(self, path: str) -> bool:
        return not self._takes_secrets and looks_secret(path)

    def _unlisted(self, path: str) -> SourceFile | None:
        """A file that git doesn't list any more, an ignored one perhaps, though it still stands there."""
        own = path.removeprefix(f"{self._pack.place}/") if self._pack.place else path
        return None if _stamp(self._survey.folder / own) is None else SourceFile(path=own)


def _text_of(read: ReadFile) -> tuple[str | None, str]:
    """The text of a file, or None and why there is none."""
    if read.data is None:
        reason = read.file.reason or UNREADABLE
        return None, _GONE if reason.startswith(_GONE) else reason
    if b"\0" in read.data:
        return None, BINARY
    try:
        return read.data.decode(), ""
    except UnicodeDecodeError:
        return None, NOT_TEXT


def _stamp(place: Path) -> _Stamp | None:
    """What changes when a regular file does; None where there is none."""
    try:
        facts = place.lstat()
    except OSError:
        return None
    if not stat.S_ISREG(facts.st_mode):
        return None
    return facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


def _key(known: ToldFile | None) -> str:
    return "" if known is None else f"{known.blob}:{known.stale}:{known.level}"
