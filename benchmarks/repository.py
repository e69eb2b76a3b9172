"""Git repositories made of nothing: the same number and the same files every time."""

from __future__ import annotations

import os
import subprocess
from functools import partial
from pathlib import Path
from random import Random

from benchmarks.bench import make_git_repository

_VERBS = ("load", "price", "route", "pack", "weigh", "print", "merge", "check", "send", "count", "split", "close")
_NOUNS = ("parcel", "label", "zone", "van", "depot", "ledger", "window", "street", "tariff", "driver", "round", "queue")
_REMARKS = (
    "The order matters: what was promised first leaves first.",
    "Nothing is rounded before the sum is complete.",
    "An empty list is a normal morning, not a mistake.",
    "Whoever calls this has checked the weight already.",
)


def make_repository(folder: Path, files: int, bytes_each: int) -> int:
    """Write and commit `files` text files of about `bytes_each` bytes, in folders of 50; the bytes of all."""
    random = Random(20_260_101)
    size = 0
    for number in range(files):
        ending = "md" if number % 10 == 9 else "py"
        path = folder / f"part_{number // 50:03}" / f"{random.choice(_NOUNS)}_{number:05}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = _prose(random, bytes_each) if ending == "md" else _program(random, bytes_each)
        path.write_text(text, encoding="utf-8", newline="\n")
        size += len(text.encode())
    make_git_repository(folder)
    return size


def add_history(folder: Path, commits: int) -> None:
    """Let `commits` commits follow, each of which changes some five files; nothing in the work tree looks just written."""
    random = Random(20_260_102)
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("part_*/*"))
    stream = bytearray(b"reset refs/heads/main\nfrom refs/heads/main^0\n\n")
    for number in range(commits):
        stream += b"commit refs/heads/main\ncommitter B <b@localhost> %d +0000\n" % (1_767_300_000 + number)
        stream += b"data 6\nChange\n"
        for path in sorted(random.sample(paths, 5)):
            text = (folder / path).read_bytes() + b"# %d\n" % number
            stream += b"M 100644 inline %b\ndata %d\n%b\n" % (path.encode(), len(text), text)
    run = partial(subprocess.run, cwd=folder, check=True, capture_output=True)
    run(("git", "fast-import", "--quiet", "--force"), input=bytes(stream))
    run(("git", "reset", "--quiet", "--hard"))
    for path in paths:
        os.utime(folder / path, (1_767_400_000, 1_767_400_000))
    run(("git", "update-index", "-q", "--refresh"))


def _program(random: Random, size: int) -> str:
    text = f'"""What a {random.choice(_NOUNS)} needs of a {random.choice(_NOUNS)}."""\n'
    while len(text) < size:
        verb, noun, other = random.choice(_VERBS), random.choice(_NOUNS), random.choice(_NOUNS)
        limit = random.randrange(10, 100_000)
        text += (
            f"\n\ndef {verb}_{noun}({noun}, {other}_limit={limit}):\n"
            f"    # {random.choice(_REMARKS)}\n"
            f"    found = [{other} for {other} in {noun}.{other}s if {other}.weight < {other}_limit]\n"
            f"    return sum({other}.{random.choice(_VERBS)}_cost for {other} in found) / {random.randrange(2, 99)}\n"
        )
    return text


def _prose(random: Random, size: int) -> str:
    text = f"# {random.choice(_NOUNS).title()} and {random.choice(_NOUNS)}\n"
    while len(text) < size:
        verb, noun = random.choice(_VERBS), random.choice(_NOUNS)
        text += f"\n- To {verb} a {noun}, see `{verb}_{noun}`. {random.choice(_REMARKS)}\n"
    return text
