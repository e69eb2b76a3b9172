"""What commands in the sandbox may not reach: where programs keep keys, sessions and histories, and sockets that lead out.

The list itself is `secret_places.toml`; what looks secret inside the workspace is found by `survey`.
"""

from __future__ import annotations

import os
import pwd
import re
import stat
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from itertools import islice
from pathlib import Path

import msgspec

_CREDENTIALS = re.compile(rb"://[^/\s]*@|token|password|passwd|secret|api-?_?key|_auth\b", re.IGNORECASE)
_MOST_BYTES = 1_000_000
_SOCKET_TABLE = Path("/proc/net/unix")
_MOST_SOCKETS = 300


def home_folders(home: Path) -> tuple[Path, ...]:
    """The home folder as the environment says and as the system knows it: programs keep their keys in either."""
    homes = [home]
    try:
        homes.append(Path(pwd.getpwuid(os.getuid()).pw_dir))
    except KeyError:
        # Nobody in the list of users, as in some containers.
        homes = [home]
    real = dict.fromkeys(Path(os.path.realpath(place)) for place in homes)
    return tuple(place for place in real if place.is_dir())


def secret_places(homes: Iterable[Path], config_home: Path | None = None) -> tuple[Path, ...]:
    """The real places that exist where programs keep secrets: under each of `homes`, and the system's own.

    `config_home` is where the user moved `~/.config` to. Another user's `/root` counts as a whole.
    """
    homes = tuple(homes)
    listed = _listed()

    def below_homes(names: Iterable[Path]) -> Iterator[Path]:
        for name in names:
            yield from (home / name for home in homes)
            if config_home is not None and name.parts[0] == ".config":
                yield config_home / name.relative_to(".config")

    candidates = [*below_homes(listed.in_home), *filter(_holds_credentials, below_homes(listed.settings))]
    own = [Path(os.path.realpath(home)) for home in homes]
    candidates += [place for place in listed.of_system if not any(home.is_relative_to(place) for home in own)]
    return tuple(sorted(set(real_places(candidates))))


class _Listed(msgspec.Struct, frozen=True):
    in_home: tuple[Path, ...]
    settings: tuple[Path, ...]
    of_system: tuple[Path, ...]


@cache
def _listed() -> _Listed:
    listed = tomllib.loads(files("dsterm.workspace.confinement").joinpath("secret_places.toml").read_text("utf-8"))
    return _Listed(
        in_home=tuple(Path(name) for group in listed["home"].values() for name in group),
        settings=tuple(map(Path, listed["home_settings"]["places"])),
        of_system=tuple(map(Path, listed["system"]["places"])),
    )


def _holds_credentials(path: Path) -> bool:
    """Whether the file says who one is; one that can't be read here can't be in the sandbox."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            return _CREDENTIALS.search(file.read(_MOST_BYTES)) is not None
    except OSError:
        return False


def real_places(candidates: Iterable[Path]) -> Iterator[Path]:
    """Where the files, folders and sockets among `candidates` really are, links followed, without what isn't there."""
    for candidate in candidates:
        real = Path(os.path.realpath(candidate))
        try:
            mode = real.lstat().st_mode
        except OSError:
            # What can't be looked at from here can't be from inside the sandbox either: it has fewer rights.
            continue
        if stat.S_ISDIR(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode):
            yield real


def listening_sockets() -> tuple[Path, ...]:
    """The sockets on disk that programs of this machine listen on: each is a door to something that is not confined."""
    try:
        table = _SOCKET_TABLE.read_bytes()
    except OSError:
        return ()
    names = (line.split(maxsplit=7)[7] for line in table.splitlines()[1:] if line.count(b" /"))
    found = {Path(os.fsdecode(name)) for name in names if name.startswith(b"/")}
    return tuple(islice(sorted(place for place in real_places(found) if place.is_socket()), _MOST_SOCKETS))
