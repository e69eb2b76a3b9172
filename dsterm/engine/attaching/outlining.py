"""Tokens of outlines: counted before anything is attached, and remembered by the blob of the file."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

from dsterm.core.attachments import BlobCount, ReadFile, SourceFile, Survey
from dsterm.engine.attaching.packing import AttachingParts, text_of, with_texts
from dsterm.render.outline import VERSION


async def count_outlines(parts: AttachingParts, survey: Survey, paths: Sequence[str]) -> Mapping[str, int]:
    """Tokens of the outline of each of `paths`; 0 where a file has none. DiskError when there is no vocabulary."""
    wanted = frozenset(paths)
    files = [file for file in survey.files if file.path in wanted]
    documents = survey.documents
    tokens = await asyncio.to_thread(_known, parts, [file for file in files if file.path not in documents])
    missing = [file for file in files if file.path not in tokens]
    if missing:
        async for batch in parts.sources.read(survey, missing):
            batch_with_texts = await with_texts(parts.sources, survey, batch)
            tokens |= await asyncio.to_thread(_count, parts, batch_with_texts, documents.keys())
    return tokens


def _known(parts: AttachingParts, files: Sequence[SourceFile]) -> dict[str, int]:
    by_kind: dict[str, list[SourceFile]] = {}
    for file in files:
        if file.blob:
            by_kind.setdefault(_kind(file.path), []).append(file)
    tokens: dict[str, int] = {}
    for kind, some in by_kind.items():
        counts = parts.token_counts.load(parts.counter.name, {file.blob for file in some}, kind)
        tokens |= {file.path: counts[file.blob].tokens for file in some if file.blob in counts}
    return tokens


def _count(parts: AttachingParts, batch: Sequence[ReadFile], documents: Collection[str]) -> dict[str, int]:
    texts = {read.file.path: text_of(read)[0] for read in batch}
    outlines = {path: parts.outline.outline(path, text) if text else "" for path, text in texts.items()}
    counts = dict(zip(outlines, parts.counter.count_exactly(list(outlines.values())), strict=True))
    kept: dict[str, dict[str, BlobCount]] = {}
    for read in batch:
        path = read.file.path
        if texts[path] is not None and read.file.blob and path not in documents:
            count = BlobCount(counts[path], len(outlines[path].encode()))
            kept.setdefault(_kind(path), {})[read.file.blob] = count
    for kind, some in kept.items():
        parts.token_counts.save(parts.counter.name, some, kind)
    return counts


def _kind(path: str) -> str:
    """What such counts are kept under: the same bytes have another outline in another language."""
    name = path.rpartition("/")[2].casefold()
    return f"outline {VERSION} {name.rpartition('.')[2] if '.' in name else name}"
