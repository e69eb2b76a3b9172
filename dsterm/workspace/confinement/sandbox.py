"""The sandbox that commands run in: what it is told, what it promises, and how the one that works here is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from dsterm.core.command_plan import Confinement
from dsterm.core.commands import CommandLaunch, SandboxFacts
from dsterm.core.errors import WorkspaceError
from dsterm.workspace.confinement.bubblewrap import BubblewrapCall, bubblewrap_arguments
from dsterm.workspace.confinement.bubblewrap_probe import FoundBubblewrap, probe_bubblewrap
from dsterm.workspace.confinement.cache_environment import sandboxed_environment, split_loader_variables
from dsterm.workspace.confinement.sandbox_ground import Ground
from dsterm.workspace.confinement.seatbelt import PROGRAM, seatbelt_profile, seatbelt_works
from dsterm.workspace.programs import find_program


@dataclass(frozen=True)
class Confined:
    """What to start: the whole argument vector, an absolute program first, and the environment."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class SandboxPlaces:
    """What the sandbox is built around.

    `roots[0]` is the workspace, the others come from --add-dir; `own_folders` are dsterm's config, state and cache;
    `cache` is this project's folder for what pip, npm, cargo and the like keep.
    """

    roots: tuple[Path, ...]
    own_folders: tuple[Path, ...]
    cache: Path
    home: Path


class Sandbox(Protocol):
    """Confines commands. Both methods block, so they are for a thread."""

    @property
    def name(self) -> str:
        """What the status line calls it."""
        ...

    def wrap(self, launch: CommandLaunch, arguments: Sequence[str], environment: Mapping[str, str]) -> Confined:
        """Confine `arguments` (an absolute program first) as `launch` says: SANDBOX or NETWORK, secrets shown or not, its folder.

        WorkspaceError when the folder is outside the roots, or what has to be hidden can't be worked out.
        """
        ...

    def settle(self, launch: CommandLaunch) -> tuple[str, ...]:
        """After the command: put back what it may not have changed; sentences that say what was put back."""
        ...


class FoundSandbox(msgspec.Struct, frozen=True):
    """The sandbox that works here, or None, and then why not."""

    sandbox: Sandbox | None
    facts: SandboxFacts


class BubblewrapSandbox:
    """Linux: namespaces and mounts."""

    name = "bubblewrap"

    def __init__(self, found: FoundBubblewrap, ground: Ground) -> None:
        self._found = found
        self._ground = ground

    def wrap(self, launch: CommandLaunch, arguments: Sequence[str], environment: Mapping[str, str]) -> Confined:
        """See Sandbox."""
        has_network = _has_network(launch)
        view = self._ground.begin(launch, environment)
        outer, inside = split_loader_variables(environment)
        call = BubblewrapCall(
            program=self._found.program,
            view=view,
            folder=launch.folder,
            has_network=has_network,
            dies_with_parent=not launch.survives,
            locks_namespaces=self._found.locks_namespaces,
            inside=inside,
            filter_file=self._found.filter_file,
        )
        changed = sandboxed_environment(outer, self._ground.cache, Path("/tmp"), fetches=has_network)  # noqa: S108
        return Confined(bubblewrap_arguments(call, arguments), changed)

    def settle(self, launch: CommandLaunch) -> tuple[str, ...]:
        """See Sandbox."""
        return self._ground.end()


class SeatbeltSandbox:
    """macOS: a profile that the kernel holds the command to."""

    name = "seatbelt"

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def wrap(self, launch: CommandLaunch, arguments: Sequence[str], environment: Mapping[str, str]) -> Confined:
        """See Sandbox."""
        has_network = _has_network(launch)
        temporary = self._ground.cache / "tmp"
        view = self._ground.begin(launch, environment)
        try:
            temporary.mkdir(mode=0o700, exist_ok=True)
            profile = seatbelt_profile(view, self._ground.roots, has_network=has_network)
        except BaseException:
            self._ground.abandon()
            raise
        outer, inside = split_loader_variables(environment)
        set_inside = ("/usr/bin/env", *(f"{name}={value}" for name, value in inside.items())) if inside else ()
        changed = sandboxed_environment(outer, self._ground.cache, temporary, fetches=has_network)
        return Confined((str(PROGRAM), "-p", profile, "--", *set_inside, *arguments), changed)

    def settle(self, launch: CommandLaunch) -> tuple[str, ...]:
        """See Sandbox."""
        return self._ground.end()


def find_sandbox(places: SandboxPlaces, folders: Sequence[Path], platform: str) -> FoundSandbox:
    """The sandbox that really works here, found by running something in it; `platform` is spelled as sys.platform does."""
    ground = Ground(places.roots, places.own_folders, places.cache, places.home)
    trouble = ground.trouble()
    if not trouble and platform == "linux":
        program = find_program("bwrap", folders, outside=ground.roots[0])
        if program is None or ground.is_writable(program):
            return _none("bubblewrap is not installed. Install it with your system's packages: apt install bubblewrap.")
        found = probe_bubblewrap(program)
        if isinstance(found, FoundBubblewrap):
            return FoundSandbox(BubblewrapSandbox(found, ground), SandboxFacts(name=BubblewrapSandbox.name))
        trouble = found
    elif not trouble and platform == "darwin":
        trouble = seatbelt_works()
        if not trouble:
            return FoundSandbox(SeatbeltSandbox(ground), SandboxFacts(name=SeatbeltSandbox.name))
    return _none(trouble or f"dsterm knows none for {platform}.")


def _none(trouble: str) -> FoundSandbox:
    return FoundSandbox(None, SandboxFacts(trouble=trouble))


def _has_network(launch: CommandLaunch) -> bool:
    if launch.confinement is Confinement.OPEN:
        raise WorkspaceError("A command that is to run without a sandbox can't be confined.")
    return launch.confinement is Confinement.NETWORK
