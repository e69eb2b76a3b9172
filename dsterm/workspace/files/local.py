"""The workspace on the local disk: reads and writes inside its roots and nowhere else."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from dsterm.core.errors import GitError, ProgramMissing, WorkspaceError
from dsterm.core.workspace import Completed, FileFacts
from dsterm.workspace.environment import clean_environment, environment_outside
from dsterm.workspace.files.atomic_write import write_together
from dsterm.workspace.files.inside import Inside
from dsterm.workspace.files.listing import list_files, list_names
from dsterm.workspace.git.git_hardening import GitCall, GitDoor
from dsterm.workspace.process import Launch, run_program
from dsterm.workspace.programs import find_program

_READ_CAP = 20_000_000
_NO_VARIABLES: Mapping[str, str] = MappingProxyType({})


class LocalWorkspace:
    """The folder `root` and the `extra_roots` beside it, without what is in the `closed` folders (dsterm's own).

    Programs come from `program_folders` and see only the harmless part of `environment`. A folder that is not trusted gets no
    git process but for the listing. WorkspaceError when a root is no folder.
    """

    def __init__(
        self,
        root: Path,
        *,
        program_folders: Sequence[Path],
        environment: Mapping[str, str] = _NO_VARIABLES,
        extra_roots: Sequence[Path] = (),
        closed: Sequence[Path] = (),
        is_trusted: bool = True,
    ) -> None:
        if not root.is_dir():
            raise WorkspaceError(f"{root} is not a folder. Start dsterm in a folder, or name one with --cwd.")
        self._inside = Inside(root, extra_roots=extra_roots, closed=closed)
        self._root = self._inside.root
        self._folders = tuple(program_folders)
        self._environment = environment_outside(environment, self._inside.roots)
        self._is_trusted = is_trusted
        git = find_program("git", self._folders, outside=self._inside.roots)
        self._door = GitDoor(git, self._environment, outside=self._root) if git else None

    @property
    def root(self) -> Path:
        """The folder that relative paths start from, resolved."""
        return self._root

    def resolve(self, path: str) -> Path:
        """The real place of `path` (links followed), inside one of the roots; it need not exist."""
        return self._inside.resolve(path)

    def display(self, path: Path) -> str:
        """`path` relative to the root where it is inside it, else in full; `/` between parts."""
        return self._inside.display(path)

    def facts(self, path: Path) -> FileFacts | None:
        """What stands at `path`, None where there is nothing."""
        try:
            found = self._inside.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise WorkspaceError(f"{self.display(path)} can't be looked at: {error.strerror}.") from error
        return FileFacts(
            is_folder=stat.S_ISDIR(found.st_mode),
            size=found.st_size,
            modified=found.st_mtime,
            mode=stat.S_IMODE(found.st_mode),
        )

    def read(self, path: Path) -> bytes:
        """All bytes of a regular file of at most 20 MB."""
        self._check(path)
        try:
            descriptor = self._inside.open_regular(path)
            # Wrapped only after the look at it, which may find it too large.
            try:
                self._check_size(path, os.fstat(descriptor).st_size)
                with os.fdopen(descriptor, "rb", closefd=False) as stream:
                    return stream.read()
            finally:
                os.close(descriptor)
        except FileNotFoundError as error:
            raise WorkspaceError(f"There is no file {self.display(path)}. Use glob to find the right path.") from error
        except IsADirectoryError as error:
            raise WorkspaceError(f"{self.display(path)} is a folder. Use glob or read a file in it.") from error
        except OSError as error:
            raise WorkspaceError(f"{self.display(path)} could not be read: {error.strerror}.") from error

    def write_all(self, changes: Mapping[Path, bytes | None], modes: Mapping[Path, int] | None = None) -> None:
        """Write every file (None deletes it), or none of them: what was written is put back when one fails.

        Files keep their permission bits, new ones get the usual ones, but for those in `modes`.
        """
        for path in changes:
            self._check(path)
        write_together(self._inside, changes, modes or {})

    async def files(self, folder: Path) -> list[Path]:
        """Files under `folder` that git does not ignore (all but hidden ones where there is no git), sorted by path."""
        self._check(folder)
        return await list_files(folder, self._inside, self._door)

    async def names(self) -> list[str]:
        """The names of `files(root)`, relative to it, at once and without a look at each: some may be links, or gone."""
        return await list_names(self._root, self._inside, self._door)

    async def run(self, arguments: Sequence[str], *, timeout: float, cap: int) -> Completed:
        """Run a program found outside the workspace, in the root, without a terminal; `timeout` in seconds, `cap` in bytes.

        git goes through its hardened door. ProgramMissing when it isn't there; WorkspaceError when it fails to run.
        """
        name, *rest = arguments
        if name == "git" and not self._is_trusted:
            raise ProgramMissing(
                "git is not used here before the folder is trusted. /trust yes says so for the next start."
            )
        program = None if "/" in name else find_program(name, self._folders, outside=self._inside.roots)
        if program is None:
            raise ProgramMissing(f"{name} is not installed outside the workspace. Install it, or do without.")
        if name == "git" and self._door:
            call = GitCall(arguments=tuple(rest), folder=self._root, timeout=timeout, cap=cap, compares_files=True)
            try:
                return await self._door.run(call)
            except GitError as error:
                raise WorkspaceError(str(error)) from error
        launch = Launch(
            program=program,
            arguments=tuple(rest),
            folder=self._root,
            environment=clean_environment(self._environment, outside=self._root),
            timeout=timeout,
            cap=cap,
        )
        return await run_program(launch)

    def _check(self, path: Path) -> None:
        """A path that was resolved before may lead elsewhere by now: a folder on the way can have become a link."""
        if self.resolve(str(path)) != path:
            raise WorkspaceError(f"{self.display(path)} has become a link. Name the file again.")

    def _check_size(self, path: Path, size: int) -> None:
        if size > _READ_CAP:
            raise WorkspaceError(
                f"{self.display(path)} has {size:,} bytes, more than the {_READ_CAP:,} that can be read. "
                "Use grep to find what matters in it."
            )
