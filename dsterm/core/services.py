"""Small Protocols that one room needs of another; boot hands the real ones over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from dsterm.core.attachments import DocumentText, PackChoice, ReadFile, SourceFile, Survey, WorkState


class TokenCounter(Protocol):
    """Counts tokens of the V4 vocabulary."""

    @property
    def name(self) -> str:
        """What its counts may be kept by: another one for another vocabulary. DiskError when that is missing."""
        ...

    @property
    def is_exact(self) -> bool:
        """Whether `count` is the tokenizer's own figure, or an estimate until the vocabulary is loaded."""
        ...

    def load(self) -> None:
        """Load the vocabulary where it isn't yet: call it in a thread. DiskError when it isn't there."""
        ...

    def count(self, text: str) -> int:
        """Tokens in `text`: exact once the vocabulary is loaded, else a calibrated estimate. Never blocks."""
        ...

    def count_exactly(self, texts: Sequence[str]) -> list[int]:
        """Tokens in each text by the vocabulary itself, loading it when needed: call it in a thread."""
        ...


class SourceReader(Protocol):
    """Lists what can be attached and reads it; raises UsageError, GitError or WorkspaceError, each with a way on."""

    async def survey(self, source: str, choice: PackChoice, tell: Callable[[WorkState], None]) -> Survey:
        """The files of `source` (a folder, a file, PATH@REV, a bare repository, a URL), none of them opened where git knows it.

        Cancelling stops what runs and leaves nothing half done.
        """
        ...

    def read(self, survey: Survey, files: Sequence[SourceFile]) -> AsyncIterator[list[ReadFile]]:
        """The bytes of `files`, in batches of some megabytes, read beside the event loop."""
        ...

    async def texts(self, survey: Survey, batch: Sequence[ReadFile]) -> Mapping[str, DocumentText]:
        """The texts of those files of `batch` that are documents, by path; what reads them may take a while."""
        ...

    async def document(self, name: str, data: bytes) -> DocumentText | None:
        """The text of the document `data` called `name`; None where a file of that name is none."""
        ...

    async def ages(self, survey: Survey) -> Mapping[str, int]:
        """How many commits ago (0 is the newest) each file changed last, of those that did within the last 2,000.

        Empty without git, and for shallow clones, whose history says nothing.
        """
        ...


class Outline(Protocol):
    """Makes the outline of a file."""

    def outline(self, path: str, text: str) -> str:
        """The signatures in `text`, in their order, a line each; empty where there are none to be found."""
        ...


class Clock(Protocol):
    """The time, so that tests can set it."""

    def now(self) -> datetime:
        """The current time, with its zone."""
        ...

    def monotonic(self) -> float:
        """Seconds for measuring durations."""
        ...
