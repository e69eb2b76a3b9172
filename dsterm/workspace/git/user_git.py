"""git as the user would run it by hand: to stage and commit what the user said yes to, and for nothing else.

Everywhere else git goes through the hardened door (`git_hardening`), which switches off whatever a repository could make it run.
A commit is the one exception, on purpose: the repository's hooks, filters and signing program are what the user wants to run
then, with the user's own configuration and identity. So this is called only for a trusted folder, after an explicit yes. The
program still stands outside the workspace, gets no API keys, no terminal, and no variable that leads to another repository.
Messages and paths go in by standard input, never on the command line.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from codecs import getincrementaldecoder
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile

import msgspec

from dsterm.core.errors import GitError
from dsterm.workspace.commands.command_environment import user_environment, without_keys
from dsterm.workspace.commands.pipe_reader import PipeReader
from dsterm.workspace.commands.plain_output import plain_output
from dsterm.workspace.process import started

_ELSEWHERE = frozenset(
    {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX", "GIT_NAMESPACE", "GIT_EXEC_PATH"}
    | {"GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_LITERAL_PATHSPECS", "GIT_INTERNAL_SUPER_PREFIX"}
    | {"GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE"}
)
"""Variables that would make git work on something else than was shown."""

_CAP = 200_000
_GRACE = 1.0
_SILENCE = 0.25


class GitEnding(msgspec.Struct, frozen=True, kw_only=True):
    """How it went: the exit code and what git and its hooks said, in one text (the end of it where it is long)."""

    exit_code: int
    output: str


class Committed(msgspec.Struct, frozen=True, kw_only=True):
    """The commit that is at the head now."""

    short_hash: str
    subject: str


class UserGit:
    """git in the folder `root` with the user's environment, without `keys`, variables that hold API keys.

    `program` is None where git is not installed, or stands in the workspace only.
    """

    def __init__(
        self, program: Path | None, root: Path, *, environment: Mapping[str, str], keys: frozenset[str]
    ) -> None:
        self._program = program
        self._root = root
        kept = {name: value for name, value in environment.items() if name not in _ELSEWHERE}
        self._environment = user_environment(without_keys(kept, keys))

    async def add(self, paths: Sequence[str]) -> None:
        """Stage `paths`, relative to the root and taken literally; a deleted one is staged as deleted. GitError."""
        arguments = ("--literal-pathspecs", "add", "--all", "--pathspec-from-file=-", "--pathspec-file-nul")
        names = b"\0".join(os.fsencode(path) for path in paths)
        done = await self._run(arguments, names, lambda _text: None)
        if done.exit_code != 0:
            raise GitError(f"git could not stage the files: {_last_line(done.output)} Nothing was committed.")

    async def commit(self, message: str, progress: Callable[[str], None]) -> GitEnding:
        """Commit what is staged; hooks run, and what they print goes to `progress` as it comes. GitError when it can't start."""
        return await self._run(("commit", "--file=-"), message.encode("utf-8", "replace"), progress)

    async def head(self) -> Committed:
        """The newest commit. GitError where there is none."""
        arguments = ("show", "--no-patch", "--no-show-signature", "--no-notes", "--format=%h%x09%s", "HEAD", "--")
        done = await self._run(("--no-pager", *arguments), b"", lambda _text: None)
        short_hash, separator, subject = done.output.partition("\t")
        if done.exit_code != 0 or not separator:
            raise GitError("git does not say what was committed; `git log` shows it.")
        return Committed(short_hash=short_hash.strip(), subject=subject.strip())

    async def _run(self, arguments: Sequence[str], stdin: bytes, progress: Callable[[str], None]) -> GitEnding:
        if self._program is None or not self._program.is_absolute():
            raise GitError("git is not installed, or stands inside this folder. Install it to commit.")
        output = _Output(progress)
        process, reader = await self._start((str(self._program), *arguments), stdin, output.take)
        try:
            code = await process.wait()
            # What a hook left running may hold the other end for ever; git itself is done.
            await reader.drained(_SILENCE, _GRACE)
        except BaseException:
            await _stop(process)
            raise
        finally:
            reader.close()
        return GitEnding(exit_code=code if code >= 0 else 128 - code, output=output.text())

    async def _start(
        self, arguments: Sequence[str], stdin: bytes, take: Callable[[bytes], None]
    ) -> tuple[asyncio.subprocess.Process, PipeReader]:
        ours, theirs = os.pipe()
        try:
            # A file without a name: whoever refuses to read it can't break a pipe.
            with TemporaryFile() as source:
                source.write(stdin)
                source.seek(0)
                process = await started(
                    asyncio.create_subprocess_exec(
                        *arguments,
                        stdin=source,
                        stdout=theirs,
                        stderr=asyncio.subprocess.STDOUT,
                        cwd=self._root,
                        env=self._environment,
                        start_new_session=True,
                    )
                )
        except OSError as error:
            os.close(ours)
            raise GitError(f"git could not be started: {error.strerror or error}.") from error
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        return process, PipeReader(ours, take)


class _Output:
    """What was printed so far, the end of it where it is long; `progress` gets it as text."""

    def __init__(self, progress: Callable[[str], None]) -> None:
        self._progress = progress
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self._text = ""

    def take(self, data: bytes) -> None:
        """Add the next bytes."""
        text = self._decoder.decode(data)
        self._text = (self._text + text)[-_CAP:]
        self._progress(text)

    def text(self) -> str:
        """All of it as plain lines."""
        return plain_output(self._text)


async def _stop(process: asyncio.subprocess.Process) -> None:
    """End git and its hooks: a request first, so that git takes its locks away, then by force."""
    _signal(process, signal.SIGTERM)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_GRACE):
            await process.wait()
    _signal(process, signal.SIGKILL)
    await process.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """The program leads its own group; a group that is gone needs nothing."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "it gave no reason."
