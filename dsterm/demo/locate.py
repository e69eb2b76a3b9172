"""Finding and reading the files that a request is about: the first steps of most rules."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dsterm.demo.steps import Step, count, glob, read
from dsterm.demo.talk import Talk, listed_paths

_FILE = re.compile(r"(?<![\w.])([\w./\\-]*\w\.[A-Za-z]\w{0,9}|README|Makefile|Dockerfile|LICENSE|CHANGELOG)(?!\w)")
MOST_FILES = 10
"""Files that a rule reads at most."""


def file_in(prompt: str) -> str:
    """The first file that `prompt` names, empty when there is none."""
    match = _FILE.search(prompt)
    return match[1].replace("\\", "/").removeprefix("./") if match else ""


def find_one(talk: Talk, name: str) -> Step | str:
    """The path of the file `name` once it has been read, else the step that leads there, or says that it isn't there."""
    known = [path for path in talk.files() if path == name or path.endswith(f"/{name}")]
    if known:
        return known[0]
    listing = talk.last("glob")
    if listing is None and not talk.has_read(name):
        if "/" in name:
            return Step(thoughts=(f"The request names `{name}`, so I read that file first.",), calls=(read(name),))
        return _look_for(name)
    if listing is None:
        return _look_for(name.rpartition("/")[2])
    unread = [path for path in listed_paths(listing.result) if not talk.has_read(path)]
    if unread and not any(talk.has_read(path) for path in listed_paths(listing.result)):
        return Step(thoughts=(f"`{unread[0]}` is the file that is meant.",), calls=(read(unread[0]),))
    return Step(text=f"I found no file `{name}` that I can read here. Name it as it stands in the repository, please.")


def _look_for(name: str) -> Step:
    return Step(thoughts=(f"I don't know yet where `{name}` is; a search by name tells.",), calls=(glob(name),))


def read_next(talk: Talk, paths: list[str], why: str) -> Step | None:
    """The step that reads what of `paths` was not asked for yet, None when nothing is left."""
    missing = [path for path in paths[:MOST_FILES] if not talk.has_read(path)]
    if not missing:
        return None
    thought = f"{why} That is {count(len(missing), 'file')} to read, all in one go."
    return Step(thoughts=(thought,), calls=tuple(read(path) for path in missing))


def list_files(pattern: str, why: str) -> Step:
    """The step that lists files."""
    return Step(thoughts=(why,), calls=(glob(pattern),))


def known_texts(talk: Talk, suffix: str) -> Iterator[tuple[str, str]]:
    """Path and text of the files read so far whose names end with `suffix`."""
    return ((path, view.text) for path, view in talk.files().items() if path.endswith(suffix))
