"""The picker of `@`: an index of 200,000 paths and searches in it, in CPU seconds, as the screen does them in a thread.

A program of its own: `python -m benchmarks.mentions SIZE` prints what each part took.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

import msgspec

from benchmarks.bench import Bench
from benchmarks.figures import Row, Sheet, bar
from benchmarks.measure import run_child

_PATHS = 200_000
_FIRST = 0.05
_ALL = 0.3
_QUERIES = ("e", "to", "token", "core/app", "usrmdl", "engine_turn12.py", "zzzzzz")
_WORDS = (
    *("app", "core", "user", "test", "model", "view", "index", "parse", "token", "config", "util", "auth", "session"),
    *("cache", "window", "layout", "screen", "server", "client", "engine", "turn", "step", "diff", "merge", "commit"),
)


class Searched(msgspec.Struct, frozen=True, kw_only=True):
    """CPU seconds: to make the index, and of the worst query until its first and its last results and for one slice."""

    index: float
    first: float
    whole: float
    slice: float


def measure_mentions(bench: Bench) -> list[Row]:
    """The index, the first results, all results and the longest stretch between two looks at the keyboard."""
    sheet = Sheet("mentions")
    bench.tell(f"searching {_PATHS:,} paths")
    rounds = [_searched(bench) for _ in range(bench.runs)]
    sheet.add(f"index of {_PATHS:,} paths, beside typing", "CPU s", [one.index for one in rounds])
    sheet.add("first results, worst of 7 queries", "CPU s", [one.first for one in rounds], bar(_FIRST))
    sheet.add("all results, worst of 7 queries", "CPU s", [one.whole for one in rounds], bar(_ALL))
    sheet.add("longest slice", "CPU s", [one.slice for one in rounds])
    return sheet.rows


def _searched(bench: Bench) -> Searched:
    top = str(Path(__file__).parent.parent)
    command = (sys.executable, "-m", "benchmarks.mentions", str(_PATHS))
    done = run_child(command, environment={**bench.environment(), "PYTHONPATH": top}, folder=bench.folder)
    return msgspec.json.decode(done.output, type=Searched)


def search(size: int) -> Searched:
    """Make the index and ask it everything."""
    # Here, because the table of all groups loads this module and must not load the program that it measures.
    from dsterm.core.mentions import MentionPaths  # noqa: PLC0415
    from dsterm.tui.mention_matching import PathIndex  # noqa: PLC0415

    paths = made_paths(size)
    begin = time.process_time()
    index = PathIndex(MentionPaths(paths=paths, recent=paths[:50]))
    made = time.process_time() - begin
    first = whole = longest = 0.0
    for query in _QUERIES:
        begin = before = time.process_time()
        is_empty = True
        for found in index.search(query):
            now = time.process_time()
            longest, before = max(longest, now - before), now
            if found and is_empty:
                is_empty = False
                first = max(first, now - begin)
        whole = max(whole, time.process_time() - begin)
    return Searched(index=made, first=first, whole=whole, slice=longest)


def made_paths(size: int) -> tuple[str, ...]:
    """Paths of a made-up repository, always the same: some 20 files a folder, up to six folders deep."""
    chance = random.Random(6)
    folders = [
        "/".join(f"{chance.choice(_WORDS)}{chance.randrange(30)}" for _ in range(chance.randint(1, 6)))
        for _ in range(size // 20)
    ]
    endings = (".py", ".ts", ".md", ".c")
    return tuple(
        sorted(
            f"{folders[number % len(folders)]}/{chance.choice(_WORDS)}_{chance.choice(_WORDS)}{number}{endings[number % 4]}"
            for number in range(size)
        )
    )


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(search(int(sys.argv[1]))))
