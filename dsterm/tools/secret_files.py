"""Files that look like they hold keys or passwords: a call that touches one says so, and is asked about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from dsterm.core.errors import ToolError
from dsterm.core.secret_names import looks_secret
from dsterm.core.workspace import Workspace
from dsterm.tools.read_record import ReadRecord


def secret_concerns(workspace: Workspace, files: Mapping[str, Path]) -> tuple[str, ...]:
    """A sentence for each of `files`, by the name that was asked for, whose name or real place looks secret."""
    concerns = (_concern(name, workspace.display(path)) for name, path in files.items())
    return tuple(dict.fromkeys(concern for concern in concerns if concern))


def resolved(workspace: Workspace, names: Iterable[str]) -> dict[str, Path]:
    """Where each of `names` leads. WorkspaceError."""
    return {name: workspace.resolve(name) for name in names if name}


def require_read(workspace: Workspace, record: ReadRecord, files: Mapping[str, Path]) -> None:
    """ToolError when one of `files` that is there looks secret and was not read yet, which asks.

    Else what stands in it would be shown and logged before anybody was asked: in the diff of a change, or where one does not fit.
    """
    for name, path in files.items():
        if not record.knows(path) and workspace.facts(path) is not None and secret_concerns(workspace, {name: path}):
            raise ToolError(f"{name} looks like it holds secrets, and was not read yet. Read it first, then change it.")


def _concern(name: str, place: str) -> str:
    if looks_secret(place):
        is_link = not looks_secret(name)
        return f"{name} leads to {place}, which looks like it holds secrets" if is_link else _words(place)
    return _words(name) if looks_secret(name) else ""


def _words(name: str) -> str:
    return f"{name} looks like it holds secrets"
