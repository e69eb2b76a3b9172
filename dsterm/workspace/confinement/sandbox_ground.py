"""What every sandbox stands on: which places a command may see and write, worked out anew for each, and git put right after."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from dsterm.core.command_plan import Confinement
from dsterm.core.commands import CommandLaunch
from dsterm.core.errors import WorkspaceError
from dsterm.workspace.confinement.git_guard import GitGuard
from dsterm.workspace.confinement.sandbox_view import Access, View, ViewParts, access, build_view
from dsterm.workspace.confinement.secret_places import home_folders, listening_sockets, real_places, secret_places
from dsterm.workspace.confinement.survey import Survey, survey

_FRESH = ("/tmp", "/var/tmp", "/run", "/var/run", "/var/lock")  # noqa: S108
_NEVER = ("/proc", "/dev", "/sys")
_MOST_SECRETS = 2_000
_PROGRAMS_IN_RUN = ("/run/current-system", "/run/booted-system", "/run/opengl-driver", "/run/wrappers")
_NAMES_IN_RUN = ("/etc/resolv.conf", "/run/nscd")


class Ground:
    """The places of one project; `cache` and `roots` as they really are, links followed."""

    def __init__(self, roots: tuple[Path, ...], own_folders: tuple[Path, ...], cache: Path, home: Path) -> None:
        real = [Path(os.path.realpath(root)) for root in roots]
        inner = {one for one in real for other in real if one != other and one.is_relative_to(other)}
        self.roots = tuple(dict.fromkeys(root for root in real if root not in inner))
        self.cache = Path(os.path.realpath(cache))
        self._own = tuple(Path(os.path.realpath(own)) for own in own_folders)
        self._homes = home_folders(home)
        self._guard = GitGuard(self.roots, (self.cache,))

    def trouble(self) -> str:
        """Why nothing can be confined around these places, in one sentence; empty where it can."""
        for root in self.roots:
            for own in self._own:
                if root.is_relative_to(own):
                    return f"{root} lies inside {own}, which is dsterm's own; commands in the sandbox never see that. Move it."
            if any(root.is_relative_to(place) for place in _NEVER):
                return f"{root} is no place on a disk, so no sandbox can be built around it."
        return ""

    def is_writable(self, program: Path) -> bool:
        """Whether commands could have put something else in the place of `program`."""
        real = Path(os.path.realpath(program))
        return any(path.is_relative_to(place) for path in (program, real) for place in (*self.roots, self.cache))

    def begin(self, launch: CommandLaunch, environment: Mapping[str, str]) -> View:
        """What `launch` may see and write; `end` or `abandon` has to follow. WorkspaceError when it can't run there."""
        self._make_folders()
        surveys = [survey(root) for root in self.roots]
        secrets = list(secret_places(self._homes, _config_home(environment)))
        if not launch.shows_secrets:
            secrets += _of_workspace(surveys)
        is_connected = launch.confinement is Confinement.NETWORK
        readable = real_places(map(Path, (*_PROGRAMS_IN_RUN, *(_NAMES_IN_RUN if is_connected else ()))))
        guarded = self._guard.begin(place for found in surveys for place in found.git_places)
        try:
            view = build_view(
                ViewParts(
                    fresh=tuple(place for place in map(Path, _FRESH) if place.is_dir() and not place.is_symlink()),
                    readable=tuple(readable),
                    roots=self.roots,
                    homes=self._homes,
                    guarded=guarded,
                    cache=self.cache,
                    secrets=(*secrets, *listening_sockets()),
                    own_folders=tuple(own for own in self._own if own.is_dir()),
                )
            )
            self._check_folder(launch.folder, view)
        except BaseException:
            self.abandon()
            raise
        return view

    def end(self) -> tuple[str, ...]:
        """The command is over: sentences that say what of git was put right."""
        return self._guard.end(place for root in self.roots for place in survey(root).git_places)

    def abandon(self) -> None:
        """The command never began."""
        self._guard.end(())

    def _make_folders(self) -> None:
        """The cache, and what of dsterm's own a command could otherwise make before dsterm does."""
        exposed = [own for own in self._own if any(own.is_relative_to(root) for root in self.roots)]
        try:
            for folder in (*exposed, self.cache):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise WorkspaceError(f"{folder} can't be made ({error.strerror}), and the sandbox needs it.") from error

    def _check_folder(self, folder: Path, view: View) -> None:
        real = Path(os.path.realpath(folder))
        if not any(real.is_relative_to(root) for root in self.roots):
            raise WorkspaceError(f"{folder} is outside the workspace, so no command runs there in the sandbox.")
        if access(view, real) in {Access.HIDDEN_FOLDER, Access.HIDDEN_FILE}:
            raise WorkspaceError(f"{folder} is where secrets are kept, so no command runs there in the sandbox.")


def _of_workspace(surveys: Iterable[Survey]) -> list[Path]:
    """What looks secret in the workspace; a link may lead anywhere, also to where files are no files on a disk."""
    found = [place for one in surveys for place in one.secrets]
    if len(found) > _MOST_SECRETS:
        raise WorkspaceError(
            f"The workspace has more than {_MOST_SECRETS:,} files that look secret by their names, too many for the sandbox "
            "to hide one by one. Allow this command to read them, or run it without the sandbox."
        )
    return [place for place in found if not any(place.is_relative_to(never) for never in _NEVER)]


def _config_home(environment: Mapping[str, str]) -> Path | None:
    text = environment.get("XDG_CONFIG_HOME", "")
    return Path(text) if text.startswith("/") and "\0" not in text else None
