"""A diff as the guide reads it: which files, which lines came and where they stand. Nothing in it is followed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import msgspec

_DATA = re.compile(r'<(data-[0-9a-f]{8,64}) kind="(?P<kind>[^"<>]*)">\n')
_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+(?P<start>\d+)(?:,\d+)? @@")


class AddedLine(msgspec.Struct, frozen=True):
    """A line that a change adds, and its number in the file."""

    number: int
    text: str


class ChangedFile(msgspec.Struct, frozen=True, kw_only=True):
    """What a diff does to one file."""

    path: str
    added: tuple[AddedLine, ...] = ()
    removed: int = 0
    is_new: bool = False
    is_deleted: bool = False


def data_blocks(text: str) -> Iterator[tuple[str, str]]:
    """The marked data in `text`: what kind it is, and its content."""
    place = 0
    while opening := _DATA.search(text, place):
        closing = f"\n</{opening[1]}>"
        end = text.find(closing, opening.end() - 1)
        if end < 0:
            return
        yield opening["kind"], text[opening.end() : end]
        place = end + len(closing)


def without_data(text: str) -> str:
    """`text` without marked data: the words that somebody means."""
    parts, place = [], 0
    while opening := _DATA.search(text, place):
        closing = f"\n</{opening[1]}>"
        end = text.find(closing, opening.end() - 1)
        if end < 0:
            break
        parts.append(text[place : opening.start()])
        place = end + len(closing)
    return "".join([*parts, text[place:]])


def changed_files(text: str) -> tuple[ChangedFile, ...]:
    """The files of the first diff among the marked data in `text`."""
    diff = next((content for kind, content in data_blocks(text) if kind == "diff"), "")
    starts = [match.start() for match in re.finditer(r"^diff --git ", diff, re.MULTILINE)]
    return tuple(_file(diff[start:end]) for start, end in pairwise([*starts, len(diff)]))


def _file(patch: str) -> ChangedFile:
    head, separator, body = patch.partition("\n@@ ")
    lines = f"@@ {body}".split("\n") if separator else []
    old, new = _name(head, "--- "), _name(head, "+++ ")
    fallback = head.partition("\n")[0].rpartition(" b/")[2].strip('"')
    return ChangedFile(
        path=(new if new not in {"", "/dev/null"} else old) or fallback,
        added=tuple(_added(lines)),
        removed=sum(line.startswith("-") for line in lines),
        is_new=old == "/dev/null" or "\nnew file" in head,
        is_deleted=new == "/dev/null",
    )


def _name(head: str, side: str) -> str:
    line = next((line for line in head.split("\n") if line.startswith(side)), "").removeprefix(side).rstrip("\t")
    name = line.strip('"')
    return name[2:] if name[:2] in {"a/", "b/"} else name


def _added(lines: list[str]) -> Iterator[AddedLine]:
    number = 0
    for line in lines:
        if hunk := _HUNK.match(line):
            number = int(hunk["start"])
        elif line.startswith("+"):
            yield AddedLine(number, line[1:])
            number += 1
        elif line.startswith(" "):
            number += 1
