"""The disk as a command in the sandbox sees it: everything read-only but for the places named here."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path

import msgspec


class Access(StrEnum):
    """What a command may do with a place and all in it, up to the next place: `FRESH` is an empty folder of its own."""

    FRESH = "fresh"
    READ = "read"
    WRITE = "write"
    HIDDEN_FOLDER = "hidden folder"
    HIDDEN_FILE = "hidden file"


_HIDDEN = frozenset({Access.HIDDEN_FOLDER, Access.HIDDEN_FILE})
View = Mapping[Path, Access]
"""Real, absolute places; each holds for all below it that is not named itself."""


class ViewParts(msgspec.Struct, frozen=True, kw_only=True):
    """What a view is made of; in each group what is deeper wins, and a later group wins over an earlier one.

    `fresh` are the system's places for passing things, `readable` what stays readable in them, `roots` the workspace,
    `guarded` what of git needs a mount of its own, `secrets` what nobody may read, `own_folders` and `cache` are dsterm's.
    """

    fresh: tuple[Path, ...]
    readable: tuple[Path, ...]
    roots: tuple[Path, ...]
    homes: tuple[Path, ...]
    guarded: View
    cache: Path
    secrets: tuple[Path, ...]
    own_folders: tuple[Path, ...]


def build_view(parts: ViewParts) -> View:
    """The places of `parts`, from the top down, without those that make no difference."""
    places: dict[Path, Access] = dict.fromkeys(parts.fresh, Access.FRESH)
    places |= dict.fromkeys((*parts.readable, *parts.homes), Access.READ)
    writable = [root for root in parts.roots if not is_too_wide(root, parts.homes)]
    places |= dict.fromkeys(parts.roots, Access.READ) | dict.fromkeys(writable, Access.WRITE)
    places |= {
        place: wanted for place, wanted in parts.guarded.items() if any(place.is_relative_to(root) for root in writable)
    }
    for own in parts.own_folders:
        # A mount point can't be renamed, but a folder above it could, and another be put in its place.
        places |= {above: Access.WRITE for root in writable for above in _between(root, own) if above not in places}
    places |= {place: _hidden(place) for place in parts.secrets}
    places |= dict.fromkeys(parts.own_folders, Access.HIDDEN_FOLDER)
    kept = {parts.cache, *parts.roots}
    places[parts.cache] = Access.WRITE
    view: dict[Path, Access] = {}
    for place in sorted(places, key=_depth):
        if _matters(place, places[place], _around(view, place), is_kept=place in kept):
            view[place] = places[place]
    return view


def is_too_wide(root: Path, homes: Iterable[Path]) -> bool:
    """Whether writing anywhere in `root` would reach what the user's own shell runs: it is a home folder or contains one."""
    return any(home.is_relative_to(root) for home in homes)


def access(view: View, place: Path) -> Access:
    """What a command may do at `place`, which must be real and absolute."""
    return view.get(place) or _around(view, place)


def _around(view: View, place: Path) -> Access:
    return next((view[above] for above in place.parents if above in view), Access.READ)


def _matters(place: Path, wanted: Access, around: Access, *, is_kept: bool) -> bool:
    """Whether `place` needs a mount: nothing below a hidden folder but what is kept, nothing to hide in a fresh one."""
    if place == Path("/"):
        return False
    if around in _HIDDEN:
        return is_kept
    if around is Access.FRESH:
        return wanted not in _HIDDEN
    return not (wanted is around is Access.READ)


def _hidden(place: Path) -> Access:
    return Access.HIDDEN_FOLDER if place.is_dir() else Access.HIDDEN_FILE


def _between(root: Path, place: Path) -> list[Path]:
    """The folders below `root` and above `place`."""
    return [above for above in place.parents if above != root and above.is_relative_to(root)]


def _depth(place: Path) -> tuple[int, str]:
    return len(place.parts), os.fspath(place)
