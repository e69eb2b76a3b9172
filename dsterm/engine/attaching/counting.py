"""Count a source: the tokens of every file that may go into a pack, and what its content says against it.

What was counted before is known by git's name of the bytes, so where nothing changed no file is opened and no vocabulary loaded.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence

from msgspec.structs import replace

from dsterm.core.attachments import BlobCount, PackChoice, ReadFile, SourceFile, Survey, WorkStage, WorkState
from dsterm.core.left_out_reasons import is_final
from dsterm.engine.attaching.packing import AttachingParts
from dsterm.workspace.sources.reasons import content_kind, content_reason

_SECONDS_BETWEEN = 0.1
_SECONDS_BETWEEN_FILLS = 1.0
_PACK = "pack"
"""The kind of counts of whole packs, by the SHA-256 of their text."""

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
    work = _Counting(parts, survey)
    missing = await asyncio.to_thread(work.recall)
    tell(work.state)
    if missing:
        told = filled = time.monotonic()
        if fill is not None:
            await fill(await asyncio.to_thread(work.counted))
        async for batch in parts.sources.read(survey, missing):
            await asyncio.to_thread(work.count, batch)
            if time.monotonic() - told >= _SECONDS_BETWEEN:
                told = time.monotonic()
                tell(work.state)
            if fill is not None and time.monotonic() - filled >= _SECONDS_BETWEEN_FILLS:
                await fill(await asyncio.to_thread(work.counted))
                filled = time.monotonic()
        tell(work.state)
    return await asyncio.to_thread(work.counted)


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

    def __init__(self, parts: AttachingParts, survey: Survey) -> None:
        self._counter, self._table = parts.counter, parts.token_counts
        self._survey = survey
        self._files: list[SourceFile] = []
        self._places: dict[str, int] = {}
        self._fresh: dict[str, dict[str, BlobCount]] = {"": {}, "script": {}}
        """What was counted anew, by the kind of the file's name and by blob."""
        self._done = self._tokens = 0

    @property
    def state(self) -> WorkState:
        """What is told of it."""
        return WorkState(stage=WorkStage.COUNTING, done=self._done, total=len(self._survey.files), tokens=self._tokens)

    def recall(self) -> list[SourceFile]:
        """Take what is known, and return the files that have to be read."""
        files = self._survey.files
        known = self._load((file.path, file.blob) for file in files if file.blob)
        missing: list[SourceFile] = []
        for place, file in enumerate(files):
            count = known[content_kind(file.path)].get(file.blob) if file.blob else None
            if count is not None:
                self._files.append(_with_count(file, count))
            elif is_final(file.reason):
                self._files.append(replace(file, tokens=0))
            else:
                self._files.append(file)
                missing.append(file)
                self._places[file.path] = place
        self._done = len(files) - len(missing)
        self._tokens = sum(file.tokens for file in self._files if file.tokens > 0)
        return missing

    def count(self, batch: Sequence[ReadFile]) -> None:
        """Count what was read and remember it."""
        listed = {read.file.path: self._survey.files[self._places[read.file.path]].blob for read in batch}
        # What git knew of the file by another name, or not at all, may be known by the name of what was read.
        known = self._load(
            (read.file.path, read.file.blob)
            for read in batch
            if read.data is not None and read.file.blob != listed[read.file.path]
        )
        self._count_new(batch, known)
        for read in batch:
            file, kind = read.file, content_kind(read.file.path)
            count = self._fresh[kind].get(file.blob) or known[kind].get(file.blob) if read.data is not None else None
            done = replace(file, tokens=0) if count is None else _with_count(file, count)
            self._files[self._places[file.path]] = done
            self._tokens += done.tokens
        self._done += len(batch)

    def counted(self) -> Survey:
        """The survey with what is known now."""
        return replace(self._survey, files=tuple(self._files))

    def _count_new(self, batch: Iterable[ReadFile], known: _Known) -> None:
        """Count what is not known, the same bytes once, and write it down."""
        fresh: dict[str, dict[str, BlobCount]] = {kind: {} for kind in self._fresh}
        texts: dict[tuple[str, str], str] = {}
        for read in batch:
            file, kind = read.file, content_kind(read.file.path)
            if read.data is None or any(file.blob in counts[kind] for counts in (fresh, self._fresh, known)):
                continue
            reason = content_reason(file.path, read.data)
            fresh[kind][file.blob] = BlobCount(0, len(read.data), reason)
            if not is_final(reason):
                texts[kind, file.blob] = read.data.decode()
        if texts:
            tokens = self._counter.count_exactly(list(texts.values()))
            for (kind, blob), count in zip(texts, tokens, strict=True):
                fresh[kind][blob] = replace(fresh[kind][blob], tokens=count)
        for kind, counts in fresh.items():
            self._table.save(self._counter.name, counts, kind)
            self._fresh[kind] |= counts

    def _load(self, wanted: Iterable[tuple[str, str]]) -> _Known:
        blobs: dict[str, set[str]] = {"": set(), "script": set()}
        for path, blob in wanted:
            blobs[content_kind(path)].add(blob)
        return {kind: self._read(kind, some) for kind, some in blobs.items()}

    def _read(self, kind: str, blobs: Collection[str]) -> Mapping[str, BlobCount]:
        return self._table.load(self._counter.name, blobs, kind) if blobs else {}


def _with_count(file: SourceFile, count: BlobCount) -> SourceFile:
    """What the content says counts where the name says nothing, or nothing can be done about it."""
    reason = count.reason if count.reason and (not file.reason or is_final(count.reason)) else file.reason
    return SourceFile(path=file.path, blob=file.blob, size=count.size, tokens=count.tokens, reason=reason)
