"""What can be attached, as values: a source surveyed file by file, what the user chose of it, and the pack that this makes.

Paths are relative to the source's folder, `/` between parts. Sizes are bytes, tokens are those of the V4 vocabulary.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import msgspec


class Level(StrEnum):
    """How much of a file goes into a pack: its text, its signatures, its name only, nothing."""

    FULL = "full"
    OUTLINE = "outline"
    LISTED = "listed"
    OUT = "out"


class Preset(StrEnum):
    """Which files are meant before anything is ticked by hand. CHANGED: those that differ from `PackChoice.since`."""

    ALL = "all"
    SOURCE = "source"
    TESTS = "tests"
    DOCS = "docs"
    CHANGED = "changed"


class PackChoice(msgspec.Struct, frozen=True, kw_only=True):
    """What of a source goes into a pack; part of what makes its bytes, so it is kept with it.

    `include` and `exclude` are globs as in `.gitignore`; `levels` are levels by path, a folder's path ending in `/` and "" being
    everything, of which the longest that fits counts; `enters` are submodules and repositories inside the source to go into.
    """

    preset: Preset = Preset.ALL
    since: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    tracked_only: bool = False
    takes_secrets: bool = False
    enters: tuple[str, ...] = ()
    levels: dict[str, Level] = {}


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is not attached, and why."""

    path: str
    reason: str


class SourceFile(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One file of a source. `blob` is git's name for its bytes, empty until they were read where git doesn't know it; `size` and
    `tokens` are -1 until known. `reason` says why it stays out unless it is asked for, empty where nothing speaks against it.
    """

    path: str
    blob: str = ""
    size: int = -1
    tokens: int = -1
    reason: str = ""


class BlobCount(msgspec.Struct, frozen=True, gc=False):
    """What is known of a file's bytes for good: their tokens, their size in bytes, and why such content stays out, if it does."""

    tokens: int
    size: int
    reason: str = ""


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """A source as it stands: `files` in the order of their paths' bytes.

    `source` is what the user wrote. Its bytes lie in `folder`, or in git objects there under `revision` (a full commit), if set.
    `place` is that folder relative to the workspace, "" for its root; None: tools can't reach it. `commit` is empty without git.
    `named` are submodules, inner repositories, links and the like: told, not entered. `changed` are the files that differ from
    `PackChoice.since`. `documents` are files that hold text in a form of their own, with what reads them.
    """

    source: str
    folder: Path
    place: str | None = None
    revision: str = ""
    commit: str = ""
    is_dirty: bool = False
    files: tuple[SourceFile, ...] = ()
    named: tuple[LeftOut, ...] = ()
    changed: frozenset[str] = frozenset()
    documents: dict[str, str] = {}

    @property
    def is_followed(self) -> bool:
        """Whether it may change while the conversation goes on: files of the workspace, not those of a commit."""
        return self.place is not None and not self.revision


class ReadFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was read: its bytes, or None and the reason in `file`. `file` has its blob and size."""

    file: SourceFile
    data: bytes | None


class DocumentText(msgspec.Struct, frozen=True, kw_only=True):
    """The text of a document, its pages or sections marked; or the `reason` why it has none, which may be another one the next
    time where it is not lasting.
    """

    text: str = ""
    reason: str = ""
    is_lasting: bool = True


class WorkStage(StrEnum):
    """What attaching is busy with."""

    FETCHING = "fetching"
    LISTING = "listing"
    COUNTING = "counting"
    WRITING = "writing"


class WorkState(msgspec.Struct, frozen=True, kw_only=True):
    """How far attaching is: `done` of `total` files and the running total of their tokens, or `detail` in words."""

    stage: WorkStage
    done: int = 0
    total: int = 0
    tokens: int = 0
    detail: str = ""


class PackedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file in a pack: where its own text stands in it (characters from `start`, `length` of them; none when LISTED).

    `reader` says what took its text out of its bytes; empty where these are the text.
    """

    path: str
    blob: str
    level: Level = Level.FULL
    tokens: int = 0
    start: int = 0
    length: int = 0
    reader: str = ""


class PackManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What stands where in a pack's text; kept beside it, so that later changes of its files can be told as diffs."""

    files: tuple[PackedFile, ...]
