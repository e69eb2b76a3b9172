r"""The lines of a file with an index, so that every search for a few of them is short. Only `\n` ends a line."""

from __future__ import annotations

import contextlib
from array import array
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import islice

from dsterm.tools.text_file import TextFile
from dsterm.tools.tolerance import Rung, key

_MOST_VOTES = 1000
_MOST_SCANS = 4
"""Searches that go through all lines; making an index takes as long as some more of them."""
_BRACKETS = "{}()[]"
_RAW = "raw"


class FileLines:
    r"""`lines` are without their endings, `raw_lines` keep the `\r` of theirs.

    Where the lines that will be looked for are all known, `expected` makes the search for exact ones short.
    """

    def __init__(self, file: TextFile, expected: Collection[str] = ()) -> None:
        self._expected = expected
        self.lines = file.text.split("\n")
        self.ends_with_newline = self.lines[-1] == ""
        if self.ends_with_newline:
            self.lines.pop()
        self._raw = file.raw if "\r" in file.raw else None
        self._raw_lines: list[str] | None = None
        self._keys: dict[Rung, list[str]] = {Rung.EXACT: self.lines}
        self._places: dict[str, _Places] = {}
        self._searches: Counter[str] = Counter()

    @property
    def raw_lines(self) -> list[str]:
        """The lines as the bytes have them."""
        if self._raw is None:
            return self.lines
        if self._raw_lines is None:
            self._raw_lines = self._raw.split("\n")[: len(self.lines)]
        return self._raw_lines

    def find(self, wanted: Sequence[str], rung: Rung) -> list[int]:
        """Every index from which on lines have the keys of the `wanted` ones; nothing when those are all blank."""
        keys = [key(line, rung) for line in wanted]
        if rung is not Rung.EXACT and not any(keys):
            return []
        return self._runs(keys, rung, self._keys_on(rung))

    def find_raw(self, wanted: Sequence[str]) -> list[int]:
        r"""The same for lines with the `\r` of their endings."""
        return self._runs(wanted, _RAW, self.raw_lines)

    def stands_at(self, wanted: Sequence[str], place: int) -> bool:
        """Whether exactly these lines begin at index `place`."""
        return place >= 0 and self.lines[place : place + len(wanted)] == list(wanted)

    def stands_raw_at(self, wanted: Sequence[str], place: int) -> bool:
        r"""The same for lines with the `\r` of their endings."""
        return place >= 0 and self.raw_lines[place : place + len(wanted)] == list(wanted)

    def nearest(self, wanted: Sequence[str]) -> int | None:
        """The index from which on most `wanted` lines stand where they should, indents aside; None when none does."""
        index = self._index(Rung.INDENT)
        votes: Counter[int] = Counter()
        for offset, line in enumerate(wanted):
            if wanted_key := key(line, Rung.INDENT):
                weight = 2 if any(character.isalnum() for character in wanted_key) else 1
                for place in islice(index.of(wanted_key), _MOST_VOTES):
                    votes[place - offset] += weight
        return max(votes, key=lambda start: (votes[start], -start)) if votes else None

    def anchor_lines(self, anchor: str, inside: range) -> list[int]:
        """Where `anchor` stands as a line, indents aside; if nowhere, the lines that begin with it."""
        if inside == range(len(self.lines)):
            same = list(self._index(Rung.INDENT).of(anchor.strip()))
        else:
            same = [index for index in inside if self.lines[index].strip() == anchor.strip()]
        return same or [index for index in inside if _begins_with(self.lines[index].strip(), anchor.strip())]

    def block_after(self, anchors: Sequence[str]) -> range | None:
        """The lines that belong to the last of the nested `anchors`: those after it that are indented further.

        None when an anchor is missing, or when it can't be told which of several is meant.
        """
        inside = range(len(self.lines))
        for anchor in anchors:
            found = self.anchor_lines(anchor, inside)
            if len(found) != 1:
                return None
            inside = range(found[0] + 1, self._block_end(found[0], inside.stop))
        return inside

    def _block_end(self, start: int, limit: int) -> int:
        """Where the block below the line `start` ends; lines that only open or close something don't end it."""
        indent = _indent(self.lines[start])
        for index in range(start + 1, limit):
            text = self.lines[index].strip()
            if text and text[0] not in _BRACKETS and _indent(self.lines[index]) <= indent:
                return index
        return limit

    def _runs(self, wanted: Sequence[str], name: str, keys: list[str]) -> list[int]:
        """Where all of `wanted` stand in `keys`: by looking for the longest a few times, then by an index."""
        self._searches[name] += 1
        if self._searches[name] <= _MOST_SCANS and name not in self._places:
            offset, probe = max(enumerate(wanted), key=lambda item: len(item[1]))
            places = _scan(probe, keys)
        else:
            index = self._index_of(name, keys)
            offset, probe = min(enumerate(wanted), key=lambda item: index.count(item[1]))
            places = index.of(probe)
        whole = list(wanted)
        starts = (place - offset for place in places)
        return [start for start in starts if start >= 0 and keys[start : start + len(whole)] == whole]

    def _keys_on(self, rung: Rung) -> list[str]:
        if rung not in self._keys:
            self._keys[rung] = [key(line, rung) for line in self.lines]
        return self._keys[rung]

    def _index(self, rung: Rung) -> _Places:
        return self._index_of(rung, self._keys_on(rung))

    def _index_of(self, name: str, keys: list[str]) -> _Places:
        if name not in self._places:
            self._places[name] = _Places(keys, self._expected if name in {Rung.EXACT, _RAW} else ())
        return self._places[name]


class _Places:
    """Where each line stands: the first place, and for each place the next with the same line. No list a line, for its cost."""

    def __init__(self, lines: Sequence[str], only: Collection[str]) -> None:
        self._first: dict[str, int] = {}
        self._counts: Counter[str] = Counter()
        self._next = array("q", bytes(8 * len(lines)))
        for index in range(len(lines) - 1, -1, -1):
            line = lines[index]
            if only and line not in only:
                continue
            self._next[index] = self._first.get(line, -1)
            self._first[line] = index
            self._counts[line] += 1

    def count(self, line: str) -> int:
        return self._counts.get(line, 0)

    def of(self, line: str) -> Iterator[int]:
        place = self._first.get(line, -1)
        while place != -1:
            yield place
            place = self._next[place]


def _scan(line: str, lines: list[str]) -> Iterator[int]:
    place = -1
    with contextlib.suppress(ValueError):
        while True:
            place = lines.index(line, place + 1)
            yield place


def _begins_with(line: str, anchor: str) -> bool:
    """Whether `anchor` is the beginning of `line`, up to the end of a word."""
    following = line[len(anchor) : len(anchor) + 1]
    return line.startswith(anchor) and not (anchor[-1:].isalnum() and (following.isalnum() or following == "_"))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
