"""Finds and reads files of instructions: the nearest AGENTS.md from a folder up to the top of its repository, and the user's own.

CLAUDE.md counts where there is no AGENTS.md. No link is followed out of the repository, nor to what looks secret: whoever made
the link is not the user, and nobody is asked here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from dsterm.core.errors import WorkspaceError
from dsterm.core.instruction_events import InstructionFile
from dsterm.core.secret_names import looks_secret
from dsterm.workspace.files.inside import Inside
from dsterm.workspace.git.git_head import find_work_tree

MOST_BYTES = 32_000
"""Bytes of each file that count."""

NAMES = ("AGENTS.md", "CLAUDE.md")
"""What such files are called, the better one first."""


def read_instruction_files(
    folder: Path, user_folder: Path | None, *, is_trusted: bool, closed: Sequence[Path] = ()
) -> tuple[InstructionFile, ...]:
    """The user's own, then that of the project, which is read only where the user trusts it; those that can't be are left out.

    No link of the project leads into the `closed` folders, dsterm's own.
    """
    found = []
    if user_folder is not None and (own := _read(user_folder, user_folder / NAMES[0], "your own AGENTS.md")):
        found.append(InstructionFile(place=own.place, text=own.text, size=own.size, is_cut=own.is_cut, is_of_user=True))
    if is_trusted and (project := _of_project(folder.resolve(), closed)):
        found.append(project)
    return tuple(found)


def _of_project(folder: Path, closed: Sequence[Path]) -> InstructionFile | None:
    top = find_work_tree(folder) or folder
    for name in NAMES:
        for place in _upwards(folder, top):
            shown = os.path.relpath(place / name, folder).replace(os.sep, "/")
            found = _read(top, place / name, shown, closed)
            if found is not None:
                return found
    return None


def _upwards(folder: Path, top: Path) -> Iterator[Path]:
    yield folder
    if folder != top and folder.is_relative_to(top):
        yield from _upwards(folder.parent, top)


def _read(top: Path, path: Path, place: str, closed: Sequence[Path] = ()) -> InstructionFile | None:
    """The file at `path`, wherever below `top` a link in its place leads; None where there is none, or none that may be read."""
    try:
        inside = Inside(top, closed=closed)
        real = inside.resolve(str(path))
        if looks_secret(inside.display(real)):
            return None
        descriptor = inside.open_regular(real)
    except (OSError, WorkspaceError):
        # Instructions are a gift: what is no file of this repository is none.
        return None
    with os.fdopen(descriptor, "rb") as stream:
        try:
            size = os.fstat(stream.fileno()).st_size
            data = stream.read(MOST_BYTES + 1)
        except OSError:
            return None
    text = data[:MOST_BYTES].decode("utf-8", "replace" if len(data) <= MOST_BYTES else "ignore")
    if not text.strip() or "\0" in text:
        return None
    return InstructionFile(place=place, text=text, size=max(size, len(data)), is_cut=len(data) > MOST_BYTES)
