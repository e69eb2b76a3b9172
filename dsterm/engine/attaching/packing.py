"""From a counted survey and a choice to what a pack is made of: read what is to go in, make outlines, count what is new."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from msgspec.structs import replace

from dsterm.context.choice import levels
from dsterm.context.pack_content import PackSource
from dsterm.core.attachments import DocumentText, Level, PackChoice, ReadFile, SourceFile, Survey, WorkStage, WorkState
from dsterm.core.left_out_reasons import BINARY, NOT_TEXT
from dsterm.core.services import Outline, SourceReader, TokenCounter
from dsterm.store.token_counts import TokenCounts


class AttachingParts(Protocol):
    """What attaching needs of an engine's parts; `dsterm pack` has these alone."""

    @property
    def sources(self) -> SourceReader:
        """Lists and reads what can be attached."""
        ...

    @property
    def counter(self) -> TokenCounter:
        """Counts tokens."""
        ...

    @property
    def token_counts(self) -> TokenCounts:
        """Remembers counts."""
        ...

    @property
    def outline(self) -> Outline:
        """Makes outlines."""
        ...


class _Gathered:
    """What was read so far of `wanted`. Everything here takes as long as there are files: call it in a thread."""

    def __init__(self, parts: AttachingParts, survey: Survey, choice: PackChoice) -> None:
        self._parts = parts
        self._survey = survey
        self._choice = choice
        self._chosen = levels(survey, choice)
        pairs = zip(survey.files, self._chosen, strict=True)
        taken = [(file, level) for file, level in pairs if level in {Level.FULL, Level.OUTLINE}]
        self.wanted = [file for file, _ in taken]
        self._wanted = {file.path: level for file, level in taken}
        self._counted = {file.path: file for file in self.wanted}
        self.texts: dict[str, str] = {}
        self.outline_tokens: dict[str, int] = {}
        self.levels: dict[str, Level] = {}
        self.files: dict[str, SourceFile] = {}

    def take(self, batch: Sequence[ReadFile]) -> int:
        """Decode, outline and count a batch; the tokens of all so far."""
        uncounted: list[str] = []
        outlined: list[str] = []
        for read in batch:
            path = read.file.path
            text, reason = text_of(read)
            if text is None:
                self.files[path], self.levels[path] = replace(read.file, reason=reason), Level.OUT
            elif self._wanted[path] is Level.OUTLINE:
                if outline := self._parts.outline.outline(path, text):
                    self.texts[path] = outline
                    outlined.append(path)
                else:
                    self.levels[path] = Level.LISTED
            else:
                self.texts[path] = text
                counted = self._counted[path]
                self.files[path] = replace(counted, blob=read.file.blob, size=read.file.size)
                if counted.tokens < 0 or counted.blob != read.file.blob:
                    uncounted.append(path)
        counts = self._parts.counter.count_exactly([self.texts[path] for path in uncounted]) if uncounted else []
        for path, count in zip(uncounted, counts, strict=True):
            self.files[path] = replace(self.files[path], tokens=count)
        counts = self._parts.counter.count_exactly([self.texts[path] for path in outlined]) if outlined else []
        self.outline_tokens.update(zip(outlined, counts, strict=True))
        return sum(file.tokens for file in self.files.values()) + sum(self.outline_tokens.values())

    def source(self, ages: Mapping[str, int]) -> PackSource:
        """All of it, with how many commits ago each file changed."""
        files = self._survey.files
        return PackSource(
            survey=replace(self._survey, files=tuple(self.files.get(file.path, file) for file in files)),
            choice=self._choice,
            levels=[self.levels.get(file.path, level) for file, level in zip(files, self._chosen, strict=True)],
            texts=self.texts,
            ages=ages,
            outline_tokens=self.outline_tokens,
        )


async def gather(
    parts: AttachingParts, survey: Survey, choice: PackChoice, tell: Callable[[WorkState], None]
) -> PackSource:
    """Read what `choice` takes of `survey`. A file that changed since it was counted is counted anew, one that can't be read any
    more is left out, one without an outline is listed by its name.
    """
    found = await asyncio.to_thread(_Gathered, parts, survey, choice)
    done = 0
    async for batch in parts.sources.read(survey, found.wanted):
        tokens = await asyncio.to_thread(found.take, await with_texts(parts.sources, survey, batch))
        done += len(batch)
        tell(WorkState(stage=WorkStage.WRITING, done=done, total=len(found.wanted), tokens=tokens))
    return await asyncio.to_thread(found.source, await parts.sources.ages(survey))


def as_text(read: ReadFile, document: DocumentText) -> ReadFile:
    """The file with the text of the document in place of its bytes, or with why it has none."""
    if document.reason:
        return ReadFile(file=replace(read.file, reason=document.reason), data=None)
    return ReadFile(file=read.file, data=document.text.encode())


async def with_texts(sources: SourceReader, survey: Survey, batch: list[ReadFile]) -> list[ReadFile]:
    """`batch` with the texts of documents in place of their bytes."""
    if not any(read.file.path in survey.documents for read in batch):
        return batch
    texts = await sources.texts(survey, batch)
    return [as_text(read, texts[read.file.path]) if read.file.path in texts else read for read in batch]


def text_of(read: ReadFile) -> tuple[str | None, str]:
    """The text of a file, or None and why there is none."""
    if read.data is None:
        return None, read.file.reason
    if b"\0" in read.data:
        return None, BINARY
    try:
        return read.data.decode(), ""
    except UnicodeDecodeError:
        return None, NOT_TEXT
