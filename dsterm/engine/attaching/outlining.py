"""Tokens of outlines, before anything is attached."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from dsterm.core.attachments import ReadFile, Survey
from dsterm.engine.attaching.packing import AttachingParts, text_of


async def count_outlines(parts: AttachingParts, survey: Survey, paths: Sequence[str]) -> Mapping[str, int]:
    """Tokens of the outline of each of `paths`; 0 where a file has none."""
    wanted = frozenset(paths)
    tokens: dict[str, int] = {}
    async for batch in parts.sources.read(survey, [file for file in survey.files if file.path in wanted]):
        tokens |= await asyncio.to_thread(_count, parts, batch)
    return tokens


def _count(parts: AttachingParts, batch: Sequence[ReadFile]) -> dict[str, int]:
    outlines = {}
    for read in batch:
        text, _ = text_of(read)
        outlines[read.file.path] = parts.outline.outline(read.file.path, text) if text is not None else ""
    counts = parts.counter.count_exactly(list(outlines.values()))
    return dict(zip(outlines, counts, strict=True))
