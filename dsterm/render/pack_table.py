"""The figures of a pack as a table by folder, for a terminal or a log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec

from dsterm.render.clean import clean_line
from dsterm.render.wording import format_money, format_share

_MOST_ROWS = 24
_WIDEST = 48


class PackPrice(msgspec.Struct, frozen=True, kw_only=True):
    """US dollars for a million tokens on the model called `title`: those that its cache doesn't have, and those that it has.

    None where the price is not known.
    """

    title: str
    first: Decimal | None
    again: Decimal | None


class FolderRow(msgspec.Struct, frozen=True, kw_only=True):
    """A folder of a pack, its files that are read and their tokens."""

    folder: str
    files: int
    tokens: int


def pack_table(rows: Sequence[FolderRow], total: FolderRow, window: int, prices: Sequence[PackPrice]) -> Iterator[str]:
    """Lines: the largest folders, the others together, all; each with its share of a `window` of so many tokens and its price."""
    shown = sorted(rows, key=lambda row: (-row.tokens, row.folder))
    if len(shown) > _MOST_ROWS:
        rest = shown[_MOST_ROWS:]
        files, tokens = sum(row.files for row in rest), sum(row.tokens for row in rest)
        shown = [*shown[:_MOST_ROWS], FolderRow(folder=f"{len(rest):,} other folders", files=files, tokens=tokens)]
    heads = [
        "",
        "files",
        "tokens",
        "window",
        *(f"{price.title} {word}" for price in prices for word in ("first", "again")),
    ]
    cells = [heads, *(_cells(row, window, prices) for row in (*shown, total))]
    widths = [max(len(line[place]) for line in cells) for place in range(len(heads))]
    for first, *others in cells:
        yield "  ".join(
            [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]
        )


def _cells(row: FolderRow, window: int, prices: Sequence[PackPrice]) -> list[str]:
    folder = clean_line(row.folder)
    name = folder if len(folder) <= _WIDEST else "…" + folder[1 - _WIDEST :]
    money = [_money(row.tokens, dollars) for price in prices for dollars in (price.first, price.again)]
    return [name, f"{row.files:,}", f"{row.tokens:,}", format_share(row.tokens / window), *money]


def _money(tokens: int, million: Decimal | None) -> str:
    return format_money(None if million is None else million * tokens / 1_000_000)


def folder_rows(sums: Mapping[str, tuple[int, int]]) -> list[FolderRow]:
    """One row for each folder at the top, "(files at the top)" for the others; `sums` are files and tokens by folder, whole."""
    tops = {folder: both for folder, both in sums.items() if folder.count("/") == 1}
    files = sums[""][0] - sum(both[0] for both in tops.values())
    tokens = sums[""][1] - sum(both[1] for both in tops.values())
    rows = [FolderRow(folder=folder, files=both[0], tokens=both[1]) for folder, both in tops.items() if both[0]]
    return [*rows, FolderRow(folder="(at the top)", files=files, tokens=tokens)] if files else rows
