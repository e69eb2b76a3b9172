"""Files that git doesn't know yet, as patches: read as the workspace lets them be read, and only named where they are no text."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from dsterm.context.diff_text import FilePatch, new_file_patch
from dsterm.core.errors import WorkspaceError
from dsterm.core.secret_names import looks_secret
from dsterm.core.workspace import Workspace
from dsterm.engine.live import LiveSession

_LARGEST = 400_000
"""Bytes of a new file that is shown."""


async def untracked_patches(live: LiveSession, paths: Sequence[str]) -> list[FilePatch]:
    """A patch for each of `paths`, relative to the workspace."""
    workspace = live.parts.workspace
    return await asyncio.to_thread(lambda: [_patch(workspace, path) for path in paths])


def _patch(workspace: Workspace, path: str) -> FilePatch:
    if looks_secret(path):
        return _named(path, "not read, as it looks like it holds secrets")
    if (workspace.root / path).is_symlink():
        return _named(path, "a link")
    try:
        place = workspace.resolve(path)
        facts = workspace.facts(place)
        if facts is None:
            return _named(path, "gone")
        if facts.is_folder:
            return _named(path, "a folder")
        if facts.size > _LARGEST:
            return _named(path, f"{facts.size:,} bytes, too large to show")
        data = workspace.read(place)
        return _named(path, "binary") if b"\0" in data else new_file_patch(path, data.decode("utf-8"))
    except WorkspaceError:
        return _named(path, "can't be read")
    except UnicodeDecodeError:
        return _named(path, "not UTF-8")


def _named(path: str, why: str) -> FilePatch:
    return FilePatch(path=path, text=f"diff --git a/{path} b/{path}\nnew file: {why}\n")
