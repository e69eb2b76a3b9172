"""Histories to replay: a clone of a real one, or two hundred made-up commits, the same every time."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from benchmarks.repository import make_repository

_FILES = 120
_BYTES = 4_000
_HOT = 24
"""Files in which most changes happen, as in any project."""


class Replayed:
    """A work tree in `folder` that is moved along its `commits`, oldest first."""

    def __init__(self, folder: Path, commits: Sequence[str]) -> None:
        self.folder = folder
        self.commits = commits

    def states(self) -> Iterator[None]:
        """Move to one commit after the other."""
        for commit in self.commits:
            git(self.folder, "checkout", "--quiet", "--force", commit)
            yield


def clone_history(repository: Path, folder: Path, most: int) -> Replayed:
    """The last `most` first-parent commits of `repository`, cloned to `folder`."""
    git(folder.parent, "clone", "--quiet", "--no-checkout", str(repository.resolve()), str(folder))
    commits = git(folder, "rev-list", "--first-parent", f"--max-count={most}", "HEAD").split()
    return Replayed(folder, commits[::-1])


def made_up_history(folder: Path, commits: int, *, files: int = _FILES, bytes_each: int = _BYTES) -> Replayed:
    """A repository of `files` files with so many commits: small edits mostly, now and then a file comes, goes or moves."""
    folder.mkdir()
    make_repository(folder, files, bytes_each)
    random = Random(20_260_102)
    for number in range(commits - 1):
        _change(folder, random, number)
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", f"Change {number}", "--allow-empty")
    return Replayed(folder, git(folder, "rev-list", "--first-parent", "HEAD").split()[::-1])


def _change(folder: Path, random: Random, number: int) -> None:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts)
    hot = random.sample(paths, min(_HOT, len(paths))) if number == 0 else paths[:_HOT]
    for _ in range(random.choice((1, 1, 2, 2, 3, 6))):
        path = random.choice(hot if random.random() < 0.7 else paths)
        if path.exists():
            _edit(path, random, number)
    if number % 9 == 8:
        (folder / f"part_000/new_{number}.py").write_text(f"def new_{number}():\n    return {number}\n" * 20)
    if number % 25 == 24:
        random.choice(paths).unlink(missing_ok=True)
    if number % 40 == 39:
        path = random.choice(paths)
        if path.exists():
            path.replace(path.with_name(f"moved_{number}_{path.name}"))


def _edit(path: Path, random: Random, number: int) -> None:
    """Some neighbouring lines are changed, or some come."""
    lines = path.read_text(encoding="utf-8").split("\n")
    place = random.randrange(len(lines))
    count = random.choice((1, 2, 4, 8))
    new = [f"    changed_{number}_{line} = {random.randrange(1000)}" for line in range(random.choice((1, 2, 5)))]
    lines[place : place + (count if random.random() < 0.7 else 0)] = new
    path.write_text("\n".join(lines), encoding="utf-8", newline="\n")


def git(folder: Path, *words: str) -> str:
    """What git prints."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder.parent), "GIT_CONFIG_NOSYSTEM": "1"}
    identity = {"NAME": "Benchmark", "EMAIL": "benchmark@localhost", "DATE": "2026-01-01T00:00:00+00:00"}
    environment |= {f"GIT_{role}_{what}": text for role in ("AUTHOR", "COMMITTER") for what, text in identity.items()}
    done = subprocess.run(
        ("git", *words),
        cwd=folder,
        env=environment,
        check=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    return done.stdout
