"""Reads what a model is told of changed files and applies it, as a careful reader would."""

from __future__ import annotations

import json
import re

HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@\n")
HEAD = re.compile(r"diff --git ")


def apply_told(files: dict[str, str], text: str) -> None:
    """Change `files` (texts by path) by the diffs in `text`."""
    lines = _lines(text)
    place = 0
    while place < len(lines):
        if HEAD.match(lines[place]):
            place = _file(files, lines, place)
        else:
            place += 1


def _lines(text: str) -> list[str]:
    return [line for line in re.split(r"(?<=\n)", text) if line]


def _file(files: dict[str, str], lines: list[str], place: int) -> int:
    old, new = _names(lines[place])
    place += 1
    lines = [*lines, ""]
    if lines[place].startswith("rename from "):
        place += 2
    following = lines[place]
    if following == "deleted file\n" or following.startswith("now "):
        files.pop(old)
        return place + 1
    if following.startswith("its whole text is now"):
        files.pop(old, None)
        files[new], place = _fenced(lines, place + 1)
        return place
    if following == "new file\n":
        before, place = "", place + 1
    else:
        before = files.pop(old)
    if place < len(lines) and lines[place].startswith("--- "):
        place += 2
    files[new], place = _patched(_lines(before), lines, place)
    return place


def _patched(before: list[str], lines: list[str], place: int) -> tuple[str, int]:
    result: list[str] = []
    at = 0
    while place < len(lines) and (found := HUNK.fullmatch(lines[place])):
        old_count = int(found[2] or 1)
        new_count = int(found[4] or 1)
        start = int(found[1]) - (1 if old_count else 0)
        result += before[at:start]
        at, place = start, place + 1
        assert int(found[3]) - (1 if new_count else 0) == len(result)
        while old_count or new_count:
            mark, line = lines[place][0], lines[place][1:]
            place += 1
            if place < len(lines) and lines[place].startswith("\\"):
                line, place = line.removesuffix("\n"), place + 1
            if mark != "+":
                assert before[at] == line
                at, old_count = at + 1, old_count - 1
            if mark != "-":
                result.append(line)
                new_count -= 1
    return "".join([*result, *before[at:]]), place


def _fenced(lines: list[str], place: int) -> tuple[str, int]:
    end = lines.index(lines[place], place + 1)
    text = "".join(lines[place + 1 : end])
    if end + 1 < len(lines) and lines[end + 1].startswith("\\"):
        return text.removesuffix("\n"), end + 2
    return text, end + 1


def _names(line: str) -> tuple[str, str]:
    """The two names: spaces may stand in them, so all places are tried; equal ones are the likeliest."""
    words = line.removeprefix("diff --git a/").removesuffix("\n")
    splits = [(words[: m.start()], words[m.end() :]) for m in re.finditer(" b/", words)]
    same = [pair for pair in splits if pair[0] == pair[1]]
    old, new = (same or splits)[0]
    return _plain(old), _plain(new)


def _plain(name: str) -> str:
    return json.loads(name) if name.startswith('"') else name
