"""What a patch says, whatever form it came in: for each file its hunks, with every hint about their place."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from dsterm.core.diff import DiffLine


class PatchAction(StrEnum):
    """What a patch does with a file."""

    ADD = "add"
    CHANGE = "change"
    DELETE = "delete"
    MOVE = "move"
    COPY = "copy"


class PatchHunk(msgspec.Struct, frozen=True, kw_only=True):
    r"""Lines to keep, remove and add; they keep a `\r` that the patch has only there.

    `hint` is the first old line from 1 (0: unknown), `anchors` are lines above it, the outermost first.
    `is_at_end`: its last old line is the last of the file. The `lacks_newline` ones say what `\ No newline` did.
    """

    lines: tuple[DiffLine, ...]
    hint: int = 0
    anchors: tuple[str, ...] = ()
    is_at_end: bool = False
    old_lacks_newline: bool = False
    new_lacks_newline: bool = False


class FilePatch(msgspec.Struct, frozen=True, kw_only=True):
    """The change of one file; `new_path` is set when it moves or is copied.

    `other_path` is a second name that the headers give for the file to change. `is_executable` is None where nothing is
    said of it.
    """

    path: str
    action: PatchAction
    hunks: tuple[PatchHunk, ...] = ()
    new_path: str = ""
    other_path: str = ""
    is_executable: bool | None = None
