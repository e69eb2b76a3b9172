"""Reports as values: a picture, tables and sentences that a screen draws at whatever width it has."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Role(StrEnum):
    """What a part of a picture is; each has a glyph and a look of its own."""

    SYSTEM = "system"
    TOOLS = "tools"
    INSTRUCTIONS = "instructions"
    PACK = "pack"
    CHANGES = "changes"
    WORDS = "words"
    ANSWERS = "answers"
    REASONING = "reasoning"
    RESULTS = "results"
    MENTIONS = "mentions"
    ROOM = "room"
    FREE = "free"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a picture, as large as its `tokens`."""

    role: Role
    tokens: int


class Picture(msgspec.Struct, frozen=True, kw_only=True, tag="picture"):
    """A whole, drawn as the `parts` that it consists of."""

    parts: tuple[Part, ...]


class TableRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row: its cells, the role whose glyph stands before it (None: none), and how deep it lies below the row before it."""

    cells: tuple[str, ...]
    role: Role | None = None
    depth: int = 0


class ReportTable(msgspec.Struct, frozen=True, kw_only=True, tag="table"):
    """Rows below a header. The first column is words and gives way first; the others stand at the right, and those of the numbers
    in `drops` go where there is no room, in that order.
    """

    header: tuple[str, ...]
    rows: tuple[TableRow, ...]
    drops: tuple[int, ...] = ()


class Sentences(msgspec.Struct, frozen=True, kw_only=True, tag="sentences"):
    """Words, one paragraph each."""

    texts: tuple[str, ...]


class ReportShown(msgspec.Struct, frozen=True, kw_only=True, tag="ReportShown"):
    """dsterm was asked for figures, and these are they; the model never sees them."""

    title: str
    sections: tuple[Picture | ReportTable | Sentences, ...] = ()
