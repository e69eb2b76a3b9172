"""What counting a repository can't do without, run bare, in a process of its own and in the same order.

`python -m benchmarks.count_ingredients REPO` lists it, asks for its history, reads its bytes and counts them; with a TABLE
behind REPO it lists and reads the counts from there. It prints CPU seconds, its start not counted, as JSON.
"""

from __future__ import annotations

import importlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec

from benchmarks.ingredients import cpu_seconds, vocabulary_file

_INDEX = ("git", "ls-files", "-s", "-z")
_OTHERS = ("git", "ls-files", "-z", "--others", "--exclude-standard")
_CHANGED = ("git", "diff-files", "-z", "--name-only")
_LOG = ("git", "log", "-z", "--format=%H", "--name-only", "-n", "2000")
_ROWS = 'SELECT blob, tokens, size, reason FROM counts WHERE "set" = ?'
_BATCH = 8_000_000


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """CPU seconds of each step; those that were not taken are 0."""

    listing: float
    changed: float
    table: float = 0.0
    log: float = 0.0
    reading: float = 0.0
    loading: float = 0.0
    counting: float = 0.0

    @property
    def cpu(self) -> float:
        """All of them."""
        return self.listing + self.changed + self.table + self.log + self.reading + self.loading + self.counting


def run_warm(folder: Path, table: Path) -> Steps:
    """List, compare with the work tree, and read the counts."""
    begin = cpu_seconds()
    _list(folder)
    listed = cpu_seconds()
    _output(folder, _CHANGED).split(b"\0")
    changed = cpu_seconds()
    connection = sqlite3.connect(table)
    (number,) = connection.execute("SELECT id FROM sets ORDER BY rows DESC LIMIT 1").fetchone()
    _counts = {blob: (tokens, size, reason) for blob, tokens, size, reason in connection.execute(_ROWS, (number,))}
    connection.close()
    return Steps(listing=listed - begin, changed=changed - listed, table=cpu_seconds() - changed)


def run_cold(folder: Path) -> Steps:
    """List, compare, ask for the history, read every byte once, load the vocabulary, count."""
    begin = cpu_seconds()
    paths = _list(folder)
    listed = cpu_seconds()
    _output(folder, _CHANGED).split(b"\0")
    changed = cpu_seconds()
    _output(folder, _LOG).split(b"\0")
    logged = cpu_seconds()
    reading = counting = 0.0
    encoder = importlib.import_module("fastokens").Tokenizer.from_file(str(vocabulary_file()))
    loaded = cpu_seconds()
    place = 0
    while place < len(paths):
        before = cpu_seconds()
        texts: list[str] = []
        size = 0
        while place < len(paths) and size < _BATCH:
            data = (folder / os.fsdecode(paths[place])).read_bytes()
            texts.append(data.decode("utf-8", "replace"))
            size += len(data)
            place += 1
        read = cpu_seconds()
        encoder.encode_batch_flat(texts)
        reading, counting = reading + read - before, counting + cpu_seconds() - read
    return Steps(
        listing=listed - begin,
        changed=changed - listed,
        log=logged - changed,
        loading=loaded - logged,
        reading=reading,
        counting=counting,
    )


def _list(folder: Path) -> list[bytes]:
    blobs = {}
    for record in _output(folder, _INDEX).split(b"\0"):
        facts, _, path = record.partition(b"\t")
        if path:
            blobs[path] = facts.split(b" ")[1]
    return [*blobs, *filter(None, _output(folder, _OTHERS).split(b"\0"))]


def _output(folder: Path, command: tuple[str, ...]) -> bytes:
    return subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout


if __name__ == "__main__":
    place = Path(sys.argv[1])
    _output(place, ("git", "rev-parse", "HEAD"))  # The first program of a process takes longer to start.
    steps = run_warm(place, Path(sys.argv[2])) if len(sys.argv) > 2 else run_cold(place)
    print(msgspec.json.encode(steps).decode())
