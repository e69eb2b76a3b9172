"""Caps on what goes back to the model; what was cut is always said."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A run of lines that fits: `count` of them were taken, `is_cut` when more were asked for."""

    lines: tuple[str, ...]
    count: int
    is_cut: bool


def shorten(line: str, limit: int) -> str:
    """`line`, or its first `limit` characters and how many more there are."""
    return line if len(line) <= limit else f"{line[:limit]}… (+{len(line) - limit:,} characters)"


def fitting(lines: Sequence[str], byte_limit: int) -> Window:
    """As many whole lines, from the first, as `byte_limit` bytes of UTF-8 hold; always at least one."""
    size = 0
    for index, line in enumerate(lines):
        size += len(line.encode("utf-8", "replace")) + 1
        if size > byte_limit and index:
            return Window(lines=tuple(lines[:index]), count=index, is_cut=True)
    return Window(lines=tuple(lines), count=len(lines), is_cut=False)
