"""What was learned about providers since the release, on disk: their own lists of models, and what probes found.

One JSON file a provider and server, written by dsterm alone: `{"version": 1, "list": {...}}` in the cache folder for a
core.account.FetchedList, `{"version": 1, "probe": {...}}` in the state folder for a core.account.ProbeResult, each with its day.
What is broken or foreign there is passed over and told; the catalog checks whatever is read once more.
"""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path
from typing import TypeVar

import msgspec

from dsterm.core.account import FetchedList, ProbedModel, ProbeResult
from dsterm.store.disk import write_private

_VERSION = 1
_MOST_BYTES = 2_000_000
_MOST_FILES = 50


class _ListFile(msgspec.Struct, frozen=True, kw_only=True):
    list: FetchedList
    version: int = _VERSION


class _ProbeFile(msgspec.Struct, frozen=True, kw_only=True):
    probe: ProbeResult
    version: int = _VERSION


class _Version(msgspec.Struct):
    version: int


_Kind = TypeVar("_Kind", _ListFile, _ProbeFile)


class ProviderNotes:
    """The notes in the folders `lists` and `probes`, which need not exist."""

    def __init__(self, lists: Path, probes: Path) -> None:
        self._lists = lists
        self._probes = probes

    def keep_list(self, fetched: FetchedList) -> Path:
        """Keep a provider's list in place of the one before; the file that it is in. DiskError."""
        path = self._lists / _name(fetched.provider, fetched.origin)
        write_private(path, _written(_ListFile(list=fetched)))
        return path

    def keep_probe(self, result: ProbeResult) -> Path:
        """Keep what a probe found, models of an earlier one beside it; the file that it is in. DiskError."""
        path = self._probes / _name(result.provider, result.origin)
        models = {model.id: model for model in (*_former(path), *result.models)}
        merged = msgspec.structs.replace(result, models=tuple(models.values()))
        write_private(path, _written(_ProbeFile(probe=merged)))
        return path

    def read(self) -> tuple[tuple[FetchedList, ...], tuple[ProbeResult, ...], tuple[str, ...]]:
        """All lists, all results of probes, and a sentence for each file that is passed over."""
        notices: list[str] = []
        lists = tuple(found.list for found in _read(self._lists, _ListFile, notices))
        probes = tuple(found.probe for found in _read(self._probes, _ProbeFile, notices))
        return lists, probes, tuple(notices)


def _former(path: Path) -> tuple[ProbedModel, ...]:
    """What the file at `path` holds; nothing where it is not there, or no note any more."""
    try:
        return _decoded(path, _ProbeFile).probe.models
    except _Unusable:
        return ()


def _name(provider: str, origin: str) -> str:
    """A name that nothing in the name of a provider or a server can bend."""
    return hashlib.sha256(f"{provider}\n{origin}".encode()).hexdigest()[:24] + ".json"


def _written(note: _ListFile | _ProbeFile) -> bytes:
    return msgspec.json.format(msgspec.json.encode(note), indent=1) + b"\n"


def _read(folder: Path, kind: type[_Kind], notices: list[str]) -> list[_Kind]:
    """The notes in `folder`, in the order of their names."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".json")[:_MOST_FILES]
    except FileNotFoundError:
        return []
    except OSError as error:
        notices.append(f"{folder} can't be read ({error.strerror}), so what providers listed is not known.")
        return []
    found = []
    for path in paths:
        try:
            found.append(_decoded(path, kind))
        except _Unusable as trouble:
            notices.append(f"{path} is passed over: {trouble}. It can be deleted.")
    return found


class _Unusable(Exception):
    """Why a file is no note."""


def _decoded(path: Path, kind: type[_Kind]) -> _Kind:
    try:
        facts = path.lstat()
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > _MOST_BYTES:
            raise _Unusable("it is no file, or far too large")
        data = path.read_bytes()
        version = msgspec.json.decode(data, type=_Version).version
        if version != _VERSION:
            raise _Unusable(f"it is of version {version}, which this dsterm does not know")
        return msgspec.json.decode(data, type=kind)
    except OSError as error:
        raise _Unusable(f"it can't be read ({error.strerror})") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _Unusable("dsterm did not write it, or it was changed") from error
