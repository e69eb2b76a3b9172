"""What git says about files, taken apart: its index, its status, a tree, a history. Bytes in, values out; nothing is started."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

_LINK = "120000"
_SUBMODULE = "160000"
COMMIT_MARK = "//"
"""What `git log` is to print for each commit; no path in git can be called so."""


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """The index below a folder, in the order of its paths' bytes: the blob of each plain file, and what is something else.

    `doubtful` are paths of which the index doesn't know what stands there: merge conflicts, and those that git was told not to
    look at. Where `blobs` has them, too, the blob is empty.
    """

    blobs: dict[str, str]
    links: tuple[str, ...] = ()
    submodules: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How the work tree differs from the index (`dirty`, deleted ones among them) and the index from the commit.

    `others` are untracked files that are not ignored; a name that ends with a slash is a repository of its own.
    """

    commit: str = ""
    dirty: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    is_dirty: bool = False


class TreeFile(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A plain file of a commit; `size` is -1 where its content is not in this clone."""

    path: str
    blob: str
    size: int


class Tree(msgspec.Struct, frozen=True, kw_only=True):
    """What a commit holds below a folder."""

    files: tuple[TreeFile, ...] = ()
    links: tuple[str, ...] = ()
    submodules: tuple[str, ...] = ()


def parse_index(listing: bytes) -> Index:
    """Take `ls-files --stage -v -z` apart: `TAG MODE BLOB STAGE<tab>PATH` each."""
    records = decode(listing).split("\0")
    records.pop()
    # Every name of an object is as long as the first, and so is all that stands before a path.
    tab = records[0].index("\t") if records else 0
    path, stage, end = tab + 1, tab - 1, tab - 2
    blobs = {record[path:]: record[9:end] for record in records if record[:5] == "H 100" and record[stage] == "0"}
    if len(blobs) == len(records):
        return Index(blobs=blobs)
    return _with_odd(blobs, [one for one in records if one[:5] != "H 100" or one[stage] != "0"], path)


def _with_odd(blobs: dict[str, str], odd: list[str], path: int) -> Index:
    links: dict[str, None] = {}
    submodules: dict[str, None] = {}
    doubtful: dict[str, None] = {}
    for record in odd:
        name, mode = record[path:], record[2:8]
        if mode == _SUBMODULE:
            submodules[name] = None
        elif mode == _LINK and record[0] == "H" and record[path - 2] == "0":
            links[name] = None
        else:
            blobs[name] = ""
            doubtful[name] = None
    return Index(blobs=blobs, links=tuple(links), submodules=tuple(submodules), doubtful=tuple(doubtful))


def parse_status(listing: bytes, prefix: str = "") -> Status:
    """Take `status --porcelain=v2 --branch -z` apart; paths lose `prefix`, that of the folder it was asked for."""
    commit, is_dirty = "", False
    dirty: list[str] = []
    others: list[str] = []
    records = iter(decode(listing).split("\0"))
    for record in records:
        kind = record[:2]
        if kind == "# ":
            if record.startswith("# branch.oid ") and not record.endswith(")"):
                commit = record[13:]
            continue
        if kind in _FIELDS:
            name = record.split(" ", _FIELDS[kind])[-1]
            if kind == "2 ":
                next(records, "")  # What it was called before.
            if kind == "u " or record[3] != ".":
                dirty.append(name.removeprefix(prefix))
            is_dirty = True
        elif kind == "? ":
            others.append(record[2:].removeprefix(prefix))
            is_dirty = True
    return Status(commit=commit, dirty=tuple(dirty), others=tuple(others), is_dirty=is_dirty)


_FIELDS: Mapping[str, int] = {"1 ": 8, "2 ": 9, "u ": 10}
"""How many fields stand before the path, by the kind of record."""


def parse_tree(listing: bytes) -> Tree:
    """Take `ls-tree -r -l -z` apart: `MODE TYPE BLOB SIZE<tab>PATH` each."""
    files: list[TreeFile] = []
    links: list[str] = []
    submodules: list[str] = []
    for record in decode(listing).split("\0"):
        facts, _, path = record.partition("\t")
        if not path:
            continue
        mode, _, blob, size = facts.split()
        if mode == _LINK:
            links.append(path)
        elif mode == _SUBMODULE:
            submodules.append(path)
        else:
            files.append(TreeFile(path=path, blob=blob, size=int(size) if size.isdigit() else -1))
    return Tree(files=tuple(files), links=tuple(links), submodules=tuple(submodules))


def parse_history(listing: bytes) -> dict[str, int]:
    """How many commits ago each path changed last, from `log --name-only -z` whose commits are `COMMIT_MARK`s, newest first."""
    ages: dict[str, int] = {}
    age = -1
    is_first = False
    for token in decode(listing).split("\0"):
        if token == COMMIT_MARK:
            age += 1
            is_first = True
        elif token:
            # A line end stands before the names of a commit, and may be part of a name as well.
            ages.setdefault(token.removeprefix("\n") if is_first else token, age)
            is_first = False
    return ages


def decode(listing: bytes) -> str:
    """Names as Python has them: bytes that are not UTF-8 become surrogates."""
    return listing.decode("utf-8", "surrogateescape")
