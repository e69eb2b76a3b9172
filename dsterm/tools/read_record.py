"""What the model has seen: which files it read, and their content then. One per session, made with the tools."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from pathlib import Path

from dsterm.core.blob_names import blob_name
from dsterm.core.errors import ToolError


class ReadRecord:
    """Remembers a digest of each file that was read or written by a tool."""

    def __init__(self) -> None:
        self._digests: dict[Path, bytes] = {}
        self._attached: Callable[[Path], str] = lambda _path: ""

    def follow(self, attached: Callable[[Path], str]) -> None:
        """From here on the model knows what `attached` names: git's name for the bytes at a path, empty where it knows none."""
        self._attached = attached

    def note(self, path: Path, data: bytes) -> None:
        """The model knows this content of `path` now."""
        self._digests[path] = _digest(data)

    def forget(self, path: Path) -> None:
        """The file is gone."""
        self._digests.pop(path, None)

    def keep_only(self, paths: Collection[Path]) -> None:
        """The model does not see any other file's content any more."""
        self._digests = {path: digest for path, digest in self._digests.items() if path in paths}

    def knows(self, path: Path) -> bool:
        """Whether the model has seen any content of `path`."""
        return path in self._digests or bool(self._attached(path))

    def is_current(self, path: Path, data: bytes) -> bool:
        """Whether `data` is what the model saw of `path` last."""
        return self._digests.get(path) == _digest(data) or self._is_attached(path, data)

    def require(self, path: Path, data: bytes, name: str) -> None:
        """ToolError unless `path` was read and `data` is still what was read then; `name` is the path for the model."""
        if not self.knows(path):
            raise ToolError(f"{name} was not read yet. Read it first, then change it.")
        if not self.is_current(path, data):
            raise ToolError(f"{name} changed on disk since it was read. Read it again, then change it.")

    def _is_attached(self, path: Path, data: bytes) -> bool:
        name = self._attached(path)
        return bool(name) and blob_name(data, len(name)) == name


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
