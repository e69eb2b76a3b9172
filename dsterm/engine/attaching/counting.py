"""Count a source: the tokens of every file that may go into a pack, and what its content says against it.

What was counted before is known by git's name of the bytes, so where nothing changed no file is opened and no vocabulary loaded.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from msgspec.structs import replace

from dsterm.context.choice import levels
from dsterm.core.attachments import (
    BlobCount,
    DocumentText,
    Level,
    PackChoice,
    ReadFile,
    SourceFile,
    Survey,
    WorkStage,
    WorkState,
)
from dsterm.core.left_out_reasons import is_final
from dsterm.engine.attaching.packing import AttachingParts, as_text
from dsterm.workspace.sources.reasons import content_kinds, content_reason

_SECONDS_BETWEEN = 0.1
_SECONDS_BETWEEN_FILLS = 1.0
_PACK = "pack"
"""The kind of counts of whole packs, by the SHA-256 of their text."""

_USUAL = ""
"""The kind of most files: nothing of their content is judged by their name."""

_Known = Mapping[str, Mapping[str, BlobCount]]
"""Counts by the kind of the file's name and by blob."""


async def count_source(
    parts: AttachingParts,
    source: str,
    choice: PackChoice,
    tell: Callable[[WorkState], None],
    fill: Callable[[Survey], Awaitable[None]] | None = None,
) -> Survey:
    """The files of `source` with tokens, sizes and content reasons; those that stay out by their name are counted, too.

    What can't be taken in at all has no tokens. Cancelled, it keeps what it has counted so far for the next time. Raises
    DstermError. `fill` gets what is known so far, at once and then about every second.
    """
    survey = await parts.sources.survey(source, choice, tell)
    work = _Counting(parts, survey, choice)
    missing = await asyncio.to_thread(work.recall)
    tell(work.state)
    if missing:
        told = filled = time.monotonic()
        if fill is not None:
            await fill(await asyncio.to_thread(work.counted))
        async for batch in parts.sources.read(survey, missing):
            documents = await asyncio.to_thread(work.unknown_documents, batch) if survey.documents else ()
            texts = await parts.sources.texts(survey, documents) if documents else {}
            await asyncio.to_thread(work.count, batch, texts)
            if time.monotonic() - told >= _SECONDS_BETWEEN:
                told = time.monotonic()
                tell(work.state)
            if fill is not None and time.monotonic() - filled >= _SECONDS_BETWEEN_FILLS:
                await fill(await asyncio.to_thread(work.counted))
                filled = time.monotonic()
        tell(work.state)
    return work.counted()


def document_kind(reader: str) -> str:
    """What counts of the texts that `reader` took out of documents are kept under."""
    return f"document {reader}"


def count_text(parts: AttachingParts, text: str) -> int:
    """Tokens of a whole text, exactly; remembered by its digest. Blocks. DiskError when there is no vocabulary."""
    data = text.encode("utf-8", "replace")
    name, digest = parts.counter.name, hashlib.sha256(data).hexdigest()
    known = parts.token_counts.load(name, (digest,), _PACK).get(digest)
    if known is None:
        known = BlobCount(parts.counter.count_exactly([text])[0], len(data))
        parts.token_counts.save(name, {digest: known}, _PACK)
    return known.tokens


class _Counting:
    """How far the counting of one source is; its methods block, so they are called in a thread, one at a time."""

    def __init__(self, parts: AttachingParts, survey: Survey, choice: PackChoice) -> None:
        self._counter, self._table = parts.counter, parts.token_counts
        self._survey = survey
        self._files: list[SourceFile] = []
        self._places: dict[str, int] = {}
        self._choice = choice
        self._fresh: dict[str, dict[str, BlobCount]] = {_USUAL: {}, "script": {}}
        """What was counted anew, by the kind of the file's name and by blob."""
        self._fresh |= {document_kind(reader): {} for reader in survey.documents.values()}
        self._done = self._tokens = 0

    @property
    def state(self) -> WorkState:
        """What is told of it."""
        return WorkState(stage=WorkStage.COUNTING, done=self._done, total=len(self._survey.files), tokens=self._tokens)

    def recall(self) -> list[SourceFile]:
        """Take what is known, and return the files that have to be read."""
        files = self._survey.files
        kinds = self._kinds([file.path for file in files])
        blobs = [file.blob for file in files]
        look_up = self._load(kinds, blobs)
        counts = [*map(look_up[_USUAL].get, blobs)]
        if kinds.count(_USUAL) < len(kinds):
            for place in [place for place, kind in enumerate(kinds) if kind != _USUAL]:
                counts[place] = look_up[kinds[place]].get(blobs[place])
        # Calls take most of the time here, so what is the usual is written out.
        self._files = [
            SourceFile(path=file.path, blob=file.blob, size=count.size, tokens=count.tokens, reason=file.reason)
            if count is not None and not count.reason
            else file
            for file, count in zip(files, counts, strict=True)
        ]
        self._tokens = sum([count.tokens for count in counts if count is not None])
        missing: list[SourceFile] = []
        unasked = self._unasked_documents()
        for place in [place for place, count in enumerate(counts) if count is None or count.reason]:
            file, known = files[place], counts[place]
            if known is not None:
                self._files[place] = _with_count(file, known)
            elif is_final(file.reason):
                self._files[place] = replace(file, tokens=0)
            elif file.path not in unasked:
                missing.append(file)
                self._places[file.path] = place
        self._done = len(files) - len(missing)
        return missing

    def unknown_documents(self, batch: Sequence[ReadFile]) -> list[ReadFile]:
        """Those of the documents in `batch` of whose bytes nothing is known."""
        read = [one for one in batch if one.data is not None and one.file.path in self._survey.documents]
        kinds = self._kinds([one.file.path for one in read])
        for kind, counts in self._load(kinds, [one.file.blob for one in read]).items():
            self._fresh[kind] |= counts
        return [one for one, kind in zip(read, kinds, strict=True) if one.file.blob not in self._fresh[kind]]

    def count(self, batch: Sequence[ReadFile], documents: Mapping[str, DocumentText]) -> None:
        """Count what was read and remember it; `documents` are the texts of those that are such, by path."""
        kinds = self._kinds([read.file.path for read in batch])
        places = [self._places[read.file.path] for read in batch]
        if documents:
            batch = self._with_texts(batch, kinds, documents)
        self._count_new(batch, kinds, places)
        for read, kind, place in zip(batch, kinds, places, strict=True):
            count = None if read.data is None else self._fresh[kind][read.file.blob]
            done = replace(read.file, tokens=0) if count is None else _with_count(read.file, count)
            self._files[place] = done
            self._tokens += done.tokens
        self._done += len(batch)

    def counted(self) -> Survey:
        """The survey with what is known now."""
        return replace(self._survey, files=tuple(self._files))

    def _count_new(self, batch: Sequence[ReadFile], kinds: Sequence[str], places: Sequence[int]) -> None:
        """Count what is not known, the same bytes once, and write it down."""
        # What git knew by another name, or not at all, may be known by the name of what was read.
        renamed = [
            (kind, read.file.blob)
            for read, kind, place in zip(batch, kinds, places, strict=True)
            if read.data is not None and read.file.blob != self._survey.files[place].blob
        ]
        for kind, counts in self._load(*zip(*renamed, strict=True)).items() if renamed else ():
            self._fresh[kind] |= counts
        new: dict[str, dict[str, BlobCount]] = {kind: {} for kind in self._fresh}
        texts: dict[tuple[str, str], str] = {}
        for read, kind in zip(batch, kinds, strict=True):
            blob, data = read.file.blob, read.data
            if data is None or blob in self._fresh[kind] or blob in new[kind]:
                continue
            reason = "" if read.file.path in self._survey.documents else content_reason(read.file.path, data)
            new[kind][blob] = BlobCount(0, read.file.size, reason)
            if not is_final(reason):
                texts[kind, blob] = data.decode()
        if texts:
            tokens = self._counter.count_exactly(list(texts.values()))
            for (kind, blob), count in zip(texts, tokens, strict=True):
                new[kind][blob] = replace(new[kind][blob], tokens=count)
        for kind, counts in new.items():
            self._table.save(self._counter.name, counts, kind)
            self._fresh[kind] |= counts

    def _kinds(self, paths: Sequence[str]) -> list[str]:
        """What of each file its count goes by beside its bytes: their text is another one for another reader."""
        kinds, documents = content_kinds(paths), self._survey.documents
        if documents:
            kinds = [
                document_kind(documents[path]) if path in documents else kind
                for path, kind in zip(paths, kinds, strict=True)
            ]
        return kinds

    def _unasked_documents(self) -> set[str]:
        """Documents of which no text goes in, so that none is taken out of them just to be counted."""
        if not self._survey.documents:
            return set()
        pairs = zip(self._survey.files, levels(self._survey, self._choice), strict=True)
        left_out = {file.path for file, level in pairs if level in {Level.OUT, Level.LISTED}}
        return left_out & self._survey.documents.keys()

    def _with_texts(
        self, batch: Sequence[ReadFile], kinds: Sequence[str], documents: Mapping[str, DocumentText]
    ) -> list[ReadFile]:
        """The batch with the texts in place of the documents; why one has none for good is remembered."""
        result: list[ReadFile] = []
        for read, kind in zip(batch, kinds, strict=True):
            found = documents.get(read.file.path)
            if found is not None and found.reason and found.is_lasting:
                self._fresh[kind][read.file.blob] = known = BlobCount(0, read.file.size, found.reason)
                self._table.save(self._counter.name, {read.file.blob: known}, kind)
                found = None
            result.append(read if found is None else as_text(read, found))
        return result

    def _load(self, kinds: Sequence[str], blobs: Sequence[str]) -> _Known:
        """What the table knows of blobs, each with the kind of its file."""
        known: dict[str, Mapping[str, BlobCount]] = {}
        present = set(kinds)
        for kind in self._fresh:
            wanted: Sequence[str] = ()
            if kind in present:
                wanted = [blob for one, blob in zip(kinds, blobs, strict=True) if blob and one == kind]
            known[kind] = self._table.load(self._counter.name, wanted, kind) if wanted else {}
        return known


def _with_count(file: SourceFile, count: BlobCount) -> SourceFile:
    """What the content says counts where the name says nothing, or nothing can be done about it."""
    reason = file.reason
    if count.reason and (not reason or is_final(count.reason)):
        reason = count.reason
    return SourceFile(path=file.path, blob=file.blob, size=count.size, tokens=count.tokens, reason=reason)
