"""What of git a command in the sandbox can't change, and what it leaves that git would obey outside: that is put aside again.

A command may work with git: objects, refs and index stay writable. Mounts keep hooks and configuration as they are. What was
not there before can't be mounted over, so it is looked for afterwards: a hook, a setting that may name a program, a repository
in a folder of the workspace that brings such things along.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from dsterm.workspace.confinement.git_obeyed import (
    CONFIGURATIONS,
    MOST_BYTES,
    PROTECTED,
    SET_ASIDE,
    Obeyed,
    git_folders,
    is_folder,
    named_files,
    read_file,
    read_obeyed,
    risky_settings,
)
from dsterm.workspace.confinement.sandbox_view import Access

_NEW = Obeyed()


class _Baseline(msgspec.Struct, frozen=True):
    """How git's places were when no command ran: `.git` files and links, and what each git folder has that git obeys."""

    pointers: Mapping[Path, Obeyed] = {}
    folders: Mapping[Path, Mapping[str, Obeyed]] = {}


class GitGuard:
    """Watches over the repositories in `roots` while commands run; `writable` is wherever else they may write.

    Any number of commands may run at once: what counts as before is the moment when the first of them began.
    """

    def __init__(self, roots: tuple[Path, ...], writable: tuple[Path, ...]) -> None:
        self._roots = roots
        self._writable = (*roots, *writable)
        self._baseline = _Baseline()
        self._running = 0
        self._lock = threading.Lock()

    def begin(self, git_places: Iterable[Path]) -> dict[Path, Access]:
        """A command is about to run in a workspace with these `git_places`: what is to be mounted for it, and how."""
        with self._lock:
            is_first = self._running == 0
            self._running += 1
            if is_first:
                self._baseline = self._look(git_places)
            mounts: dict[Path, Access] = {}
            for place, pointer in self._baseline.pointers.items():
                if not pointer.link and (is_first or place.parent in self._roots):
                    mounts[place] = Access.READ
            for folder in self._baseline.folders:
                # What another command may be exchanging at this moment for a link is left to the look afterwards.
                if is_first or folder.parent in self._roots:
                    mounts |= self._mounts(folder)
            return mounts

    def end(self, git_places: Iterable[Path]) -> tuple[str, ...]:
        """A command is over, and these are the `git_places` now: put aside what is new in them; a sentence for each."""
        with self._lock:
            self._running = max(0, self._running - 1)
            said: list[str] = []
            for place in dict.fromkeys((*self._baseline.pointers, *git_places)):
                said += self._settle_pointer(place)
                for folder in self._folders_of(place):
                    said += self._settle_folder(folder)
            return tuple(said)

    def _look(self, git_places: Iterable[Path]) -> _Baseline:
        pointers: dict[Path, Obeyed] = {}
        folders: dict[Path, Mapping[str, Obeyed]] = {}
        for place in git_places:
            kept = None if is_folder(place) and not place.is_symlink() else read_file(place)
            if kept is not None:
                pointers[place] = kept
            for folder in self._folders_of(place):
                folders[folder] = read_obeyed(folder)
        return _Baseline(pointers, folders)

    def _folders_of(self, place: Path) -> list[Path]:
        """The git folders that git would use at `place`, real, as far as commands may write there."""
        target = _target(place)
        if target is None or not any(target.is_relative_to(root) for root in self._writable):
            return []
        return list(git_folders(target))

    def _mounts(self, folder: Path) -> dict[Path, Access]:
        """The git folder as a mount point, which can't be renamed, with what git obeys in it read-only."""
        mounts = {} if folder in self._roots else {folder: Access.WRITE}
        chain: list[Path] = []
        for above in folder.parents:
            chain.append(above)
            if above.name == "modules" and above.parent in self._baseline.folders:
                mounts |= dict.fromkeys(chain, Access.WRITE)
        wanted = [folder / name for name in PROTECTED]
        work_folder = folder.parent if folder.name == ".git" else folder
        for name in CONFIGURATIONS:
            wanted += named_files(self._baseline.folders[folder].get(name, _NEW), work_folder, folder)
        for place in wanted:
            real = Path(os.path.realpath(place))
            if os.path.lexists(real) and any(real.is_relative_to(root) and real != root for root in self._roots):
                mounts[real] = Access.READ
        return mounts

    def _settle_pointer(self, place: Path) -> list[str]:
        """A `.git` that was a file or a link is one again, as it was."""
        before = self._baseline.pointers.get(place)
        if before is None or read_file(place) in {None, before}:
            return []
        return _restore(place, before, "it leads git to a repository")

    def _settle_folder(self, folder: Path) -> list[str]:
        before = self._baseline.folders.get(folder, {})
        said: list[str] = []
        for name, now in read_obeyed(folder).items():
            was = before.get(name)
            if now == was or (name == "commondir" and self._is_known(folder, now)):
                continue
            if name in CONFIGURATIONS:
                new = risky_settings(now) - (risky_settings(was) if was is not None else frozenset())
                if not new:
                    continue
                why = f"git would obey {min(new)!r}"
            else:
                why = "git would obey it"
            said += _restore(folder / name, was, why)
        return said

    def _is_known(self, folder: Path, commondir: Obeyed) -> bool:
        """Whether a worktree's folder leads to the repository that it belongs to."""
        target = _resolved(folder, commondir.data)
        return not commondir.link and folder.parent.name == "worktrees" and target == folder.parent.parent


def _target(place: Path) -> Path | None:
    """The git folder that a `.git` at `place` stands for, links followed; None where it stands for nothing."""
    real = Path(os.path.realpath(place))
    if is_folder(real):
        return real
    pointer = read_file(real)
    if pointer is None or not pointer.data.startswith(b"gitdir:"):
        return None
    target = _resolved(real.parent, pointer.data[7:])
    return target if target and is_folder(target) else None


def _resolved(folder: Path, written: bytes) -> Path | None:
    """The real place of a path as git writes it into a file of its own."""
    text = os.fsdecode(written).strip()
    return None if "\0" in text else Path(os.path.realpath(folder / text))


def _restore(place: Path, before: Obeyed | None, why: str) -> list[str]:
    """Rename what is at `place` so that git passes it over, and put back what was there `before`."""
    shown = str(place) if str(place).isprintable() else ascii(str(place))
    if Path(os.path.realpath(place.parent)) != place.parent:
        return [f"A command left {shown}, and {why}; it could not be put aside. Look at it before you use git there."]
    aside = _free_name(place)
    try:
        place.rename(aside)
        said = [f"A command left {shown}, and {why}: it is renamed to {aside.name!a}."]
        if before is not None and _write_back(place, before):
            said.append(f"{shown} is again as it was before the command.")
    except OSError as error:
        return [
            f"A command left {shown}, and {why}; putting it aside failed ({error.strerror}). Remove it before you use git."
        ]
    return said


def _write_back(place: Path, before: Obeyed) -> bool:
    """Whether what was there before could be kept, and is there again."""
    if before.link:
        place.symlink_to(before.link)
        return True
    if not before.mode or len(before.data) >= MOST_BYTES:
        return False
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(before.data)
        os.fchmod(file.fileno(), before.mode)
    return True


def _free_name(place: Path) -> Path:
    number, candidate = 1, place.with_name(place.name + SET_ASIDE)
    while os.path.lexists(candidate):
        number += 1
        candidate = place.with_name(f"{place.name}.{number}{SET_ASIDE}")
    return candidate
