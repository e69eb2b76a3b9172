"""Finding and reading the files that a request is about: the first steps of most rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

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
    """The path of the file `name` once it is read to its end, else the step that leads there, or says that it isn't there."""
    known = [path for path in talk.files() if path == name or path.endswith(f"/{name}")]
    if known:
        return _read_on(talk, known[:1]) or known[0]
    listing = talk.last("glob")
    if listing is None:
        if "/" in name and not talk.has_read(name):
            return Step(thoughts=(f"The request names `{name}`, so I read that file first.",), calls=(read(name),))
        base = name.rpartition("/")[2]
        return Step(thoughts=(f"I don't know yet where `{base}` is; a search by name tells.",), calls=(glob(base),))
    paths = listed_paths(listing.result)
    if paths and not any(talk.has_read(path) for path in paths):
        return Step(thoughts=(f"`{paths[0]}` is the file that is meant.",), calls=(read(paths[0]),))
    return Step(text=f"I found no file `{name}` that I can read here. Name it as it stands in the repository, please.")


def read_next(talk: Talk, paths: Sequence[str], why: str) -> Step | None:
    """The step that reads what of `paths` was not asked for yet, None when nothing is left."""
    chosen = paths[:MOST_FILES]
    missing = [path for path in chosen if not talk.has_read(path)]
    if not missing:
        return _read_on(talk, chosen)
    thought = f"{why} That is {count(len(missing), 'file')} to read, all in one go."
    return Step(thoughts=(thought,), calls=tuple(read(path) for path in missing))


def _read_on(talk: Talk, paths: Sequence[str]) -> Step | None:
    """The step that reads the rest of files that were too long for one call."""
    views = talk.files()
    asked = {(exchange.path, exchange.arguments.get("offset")) for exchange in talk.results("read")}
    parts = [(path, views[path].next_line) for path in paths if path in views and views[path].next_line]
    calls = tuple(read(path, line) for path, line in parts if (path, line) not in asked)
    return Step(thoughts=("One call does not show it all, so I read on.",), calls=calls) if calls else None


def list_files(pattern: str, why: str) -> Step:
    """The step that lists files."""
    return Step(thoughts=(why,), calls=(glob(pattern),))


def known_texts(talk: Talk, suffix: str) -> Iterator[tuple[str, str]]:
    """Path and text of the files that are read to their end and whose names end with `suffix`."""
    views = talk.files().items()
    return ((path, view.text) for path, view in views if path.endswith(suffix) and not view.next_line)
