"""Bring a repository here: a shallow fetch into a cache folder, without checkout, so nothing of it is ever run or linked."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

from dsterm.core.errors import GitError, UsageError
from dsterm.workspace.git.git_hardening import GitCall, GitDoor
from dsterm.workspace.git.git_source import RemoteSource

_TRANSPORTS = "https:ssh:file"
_TIMEOUT = 900.0
_LOGIN = ("could not read username", "authentication failed", "permission denied", "repository not found")
_UNREACHABLE = ("could not resolve", "couldn't connect", "failed to connect", "connection refused", "timed out")


async def fetch(door: GitDoor, source: RemoteSource, clones: Path, progress: Callable[[str], None]) -> tuple[Path, str]:
    """Fetch `source` into its own repository below `clones`: that folder and the ref that now names the commit.

    `progress` gets short lines while it runs; cancelling ends git and leaves a repository that the next fetch goes on with.
    """
    folder = clones / f"{_plain_name(source.url)}-{_digest(source.url)}"
    ref = f"refs/dsterm/{_digest(source.revision)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GitError(f"{folder} could not be made: {error.strerror}. Free the cache folder and try again.") from error
    if not (folder / ".git").exists():
        await door.output(GitCall(arguments=("init", "--quiet", "--template="), folder=folder))
    call = GitCall(
        arguments=(
            *("fetch", "--depth=1", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--progress"),
            *("--", source.url, f"+{source.revision or 'HEAD'}:{ref}"),
        ),
        folder=folder,
        timeout=_TIMEOUT,
        transports=_TRANSPORTS,
    )
    done = await door.run(call, progress_reader(door.program, progress))
    if done.exit_code != 0:
        raise _explain(done.stderr, source)
    return folder, ref


def progress_reader(program: Path, progress: Callable[[str], None]) -> Callable[[bytes], None]:
    """Takes git's standard error in pieces and says `receiving 45%` and the like, each line once."""
    # Importing GitPython runs `git version`; by this variable it is our git and not any that PATH would find.
    os.environ["GIT_PYTHON_GIT_EXECUTABLE"] = str(program)
    from git import RemoteProgress  # noqa: PLC0415  a tenth of a second that only a clone has to pay
    from git.util import CallableRemoteProgress  # noqa: PLC0415

    stages = {
        RemoteProgress.COUNTING: "counting",
        RemoteProgress.COMPRESSING: "compressing",
        RemoteProgress.RECEIVING: "receiving",
        RemoteProgress.RESOLVING: "resolving",
    }
    last = ""

    def update(operation: int, done: str | float, total: str | float | None = None, _message: str = "") -> None:
        nonlocal last
        stage = stages.get(operation & RemoteProgress.OP_MASK, "")
        line = f"{stage} {float(done) / float(total):.0%}" if stage and total else last
        if line != last:
            last = line
            progress(line)

    return _Reader(CallableRemoteProgress(update).new_message_handler()).feed


class _Reader:
    """Cuts a stream at CR and LF, and hands whole lines on."""

    def __init__(self, line: Callable[[str], None]) -> None:
        self._line = line
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        """Take the next piece of the stream."""
        *lines, self._rest = re.split(rb"[\r\n]", self._rest + chunk)
        for line in lines:
            if line:
                self._line(line.decode("utf-8", "replace"))


def _explain(stderr: bytes, source: RemoteSource) -> UsageError | GitError:
    folded = stderr.decode("utf-8", "replace").casefold()
    if "couldn't find remote ref" in folded or "not our ref" in folded:
        return UsageError(
            f"{source.url} has no branch, tag or commit {source.revision or 'HEAD'}. Commits need their full name."
        )
    if any(words in folded for words in _UNREACHABLE):
        return GitError(f"{source.url} can't be reached. Check the address and your connection, then attach again.")
    if any(words in folded for words in _LOGIN):
        return GitError(f"{source.url} wants a login, or is not there. Clone it yourself and attach the folder.")
    return GitError(f"{source.url} could not be fetched. Clone it yourself to see why, and attach the folder.")


def _plain_name(url: str) -> str:
    name = url.rstrip("/").removesuffix(".git").replace(":", "/").rpartition("/")[2]
    return re.sub(r"[^A-Za-z0-9._-]", "-", name)[:40].lstrip(".-") or "repository"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
