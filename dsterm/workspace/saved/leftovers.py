"""Notes on writes that are under way, so that the next start finds what a killed dsterm left beside its targets.

A note is a small file that its process holds locked; one that nobody holds belongs to a process that is gone.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from dsterm.core.errors import WorkspaceError
from dsterm.workspace.files.beside import names_beside
from dsterm.workspace.files.folder_lock import is_held
from dsterm.workspace.files.inside import Inside

_SUFFIX = ".json"


class WritingNote(msgspec.Struct, frozen=True, kw_only=True):
    """A write of `files` (paths as in the checkpoint) by `session`; `folders` may hold its temporary files, `made` are new."""

    session: str
    process: int
    files: tuple[str, ...]
    folders: tuple[str, ...]
    made: tuple[str, ...] = ()


class Interrupted(msgspec.Struct, frozen=True, kw_only=True):
    """A write that a dsterm before this one did not finish: whose it was, its files, how many temporary ones were removed."""

    session: str
    files: tuple[str, ...]
    removed: int


@contextmanager
def writing(folder: Path, note: WritingNote) -> Iterator[None]:
    """Keep `note` in `folder` while the files are written; OSError when it can't be."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{os.urandom(8).hex()}{_SUFFIX}"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        is_held(descriptor)
        os.write(descriptor, msgspec.json.encode(note))
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(descriptor)


def clean_up(folder: Path, inside: Inside) -> tuple[Interrupted, ...]:
    """Remove what writes left `inside` when their process was killed; call it before this process writes anything."""
    try:
        notes = sorted(folder.glob(f"*{_SUFFIX}"))
    except OSError:
        return ()
    return tuple(found for path in notes if (found := _settle(path, inside)) is not None)


def _settle(path: Path, inside: Inside) -> Interrupted | None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if is_held(descriptor):
            return None
        note = _read(path)
        interrupted = _remove_leftovers(note, inside) if note else None
        with contextlib.suppress(OSError):
            path.unlink()
    finally:
        os.close(descriptor)
    return interrupted


def _read(path: Path) -> WritingNote | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=WritingNote)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None  # Killed before the note was written, and so before anything else was.


def _remove_leftovers(note: WritingNote, inside: Inside) -> Interrupted:
    removed = sum(_remove_temporary(inside, name, note.process) for name in note.folders)
    for name in note.made:
        with contextlib.suppress(OSError, WorkspaceError):
            place = inside.exact(name)
            with inside.open_folder(place.parent) as folder:
                folder.remove_folder(place.name)
    return Interrupted(session=note.session, files=note.files, removed=removed)


def _remove_temporary(inside: Inside, name: str, process: int) -> int:
    """Remove the temporary files and second names that atomic writes of `process` left in the folder `name`."""
    pattern = names_beside(process)
    removed = 0
    # A folder that has become a link by now is left alone.
    with contextlib.suppress(OSError, WorkspaceError), inside.open_folder(inside.exact(name)) as folder:
        for entry in folder.names():
            if pattern.fullmatch(entry) and not stat.S_ISDIR(folder.stat(entry).st_mode):
                with contextlib.suppress(OSError):
                    folder.remove(entry)
                    removed += 1
    return removed


def folders_of(files: Sequence[str]) -> tuple[str, ...]:
    """The folders that hold `files`, each once."""
    return tuple(dict.fromkeys(str(Path(name).parent) for name in files))
