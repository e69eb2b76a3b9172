"""Count a source: the tokens of every file that may go into a pack, and what its content says against it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from dsterm.core.attachments import PackChoice, ReadFile, SourceFile, Survey, WorkStage, WorkState
from dsterm.engine.attaching.packing import AttachingParts
from dsterm.workspace.sources.reasons import content_reason


async def count_source(
    parts: AttachingParts, source: str, choice: PackChoice, tell: Callable[[WorkState], None]
) -> Survey:
    """The files of `source` with tokens and content reasons; those that stay out by their name are not read."""
    survey = await parts.sources.survey(source, choice, tell)
    wanted = [file for file in survey.files if not file.reason]
    known: dict[str, SourceFile] = {}
    tokens = 0
    async for batch in parts.sources.read(survey, wanted):
        counted = await asyncio.to_thread(_count, parts, batch)
        known.update((file.path, file) for file in counted)
        tokens += sum(max(0, file.tokens) for file in counted)
        tell(WorkState(stage=WorkStage.COUNTING, done=len(known), total=len(wanted), tokens=tokens))
    return replace(survey, files=tuple(known.get(file.path, file) for file in survey.files))


def count_text(parts: AttachingParts, text: str) -> int:
    """Tokens of a whole text, exactly; blocks."""
    return parts.counter.count_exactly([text])[0]


def _count(parts: AttachingParts, batch: Sequence[ReadFile]) -> list[SourceFile]:
    files: list[SourceFile] = []
    texts: list[str] = []
    for read in batch:
        reason = read.file.reason if read.data is None else content_reason(read.file.path, read.data)
        files.append(replace(read.file, reason=reason))
        texts.append("" if read.data is None else read.data.decode("utf-8", "replace"))
    counts = parts.counter.count_exactly(texts)
    return [replace(file, tokens=count) for file, count in zip(files, counts, strict=True)]
