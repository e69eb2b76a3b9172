"""The user's folder as tools and context see it; the only view they have of the disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec


class Completed(msgspec.Struct, frozen=True, kw_only=True):
    """A program that ran: its exit code and its output in bytes, cut at the asked cap (`is_cut`)."""

    exit_code: int
    stdout: bytes
    stderr: bytes
    is_cut: bool = False


class FileFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What stands at a path: a folder or a regular file, its size in bytes, when it changed (seconds since 1970).

    `mode` holds the permission bits.
    """

    is_folder: bool
    size: int
    modified: float
    mode: int = 0o644


class Workspace(Protocol):
    """Reads and writes inside the workspace roots and nowhere else; raises WorkspaceError."""

    @property
    def root(self) -> Path:
        """The folder that relative paths start from, resolved."""
        ...

    def resolve(self, path: str) -> Path:
        """The real place of `path` (links followed), inside the roots; it need not exist."""
        ...

    def display(self, path: Path) -> str:
        """`path` relative to the root where it is inside it, `/` between parts."""
        ...

    def facts(self, path: Path) -> FileFacts | None:
        """What stands at `path`, None where there is nothing."""
        ...

    def read(self, path: Path) -> bytes:
        """All bytes of a regular file."""
        ...

    def write_all(self, changes: Mapping[Path, bytes | None], modes: Mapping[Path, int] | None = None) -> None:
        """Write every file (None deletes it), or none of them: what was written is put back when one fails.

        Files keep their permission bits, new ones get the usual ones, but for those in `modes`.
        """
        ...

    async def files(self, folder: Path) -> list[Path]:
        """Files under `folder` that git does not ignore (all but hidden ones where there is no git), sorted by path."""
        ...

    async def names(self) -> list[str]:
        """The names of `files(root)`, relative to it, at once and without a look at each: some may be links, or gone."""
        ...

    async def run(self, arguments: Sequence[str], *, timeout: float, cap: int) -> Completed:
        """Run a program found outside the workspace, in the root, without a terminal; `timeout` in seconds, `cap` in bytes.

        ProgramMissing when it isn't there; WorkspaceError when it takes longer, or can't be started.
        """
        ...
