"""One program from its start to its end, looked after by a thread: cheaper than a process of the event loop, and no load on it.

A short git call takes a millisecond or two, and the pipes, watcher and turns of the loop for it cost another.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

import msgspec

from dsterm.core.errors import WorkspaceError
from dsterm.core.workspace import Completed

_CHUNK = 1 << 16
_PIPE = 1 << 18
"""Bytes that wait in a pipe, so that a program that says much need not stop for its reader so often."""
_STDERR_CAP = 64 * 1024
_GRACE = 1.0
_SHORTEST_LOOK, _LONGEST_LOOK = 0.0005, 0.05
"""Seconds between two looks whether a program that says no more has ended."""


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """What to run: an absolute `program`, `timeout` in seconds, `cap` in bytes of standard output, bytes for its `stdin`."""

    program: Path
    arguments: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]
    timeout: float
    cap: int
    stdin: bytes = b""


class StoppedError(Exception):
    """Somebody called `stop`."""


class ProgramRun:
    """Runs it once: `run` blocks, so it is called in a thread; `stop` is for any other. `on_stderr` is called in the first."""

    def __init__(self, launch: Launch, on_stderr: Callable[[bytes], object] | None = None) -> None:
        self._launch = launch
        self._on_stderr = on_stderr
        self._guard = threading.Lock()
        self._wake: tuple[int, int] | None = os.pipe()
        self._deadline = 0.0

    def stop(self) -> None:
        """End it soon, with its whole group; nothing where it has ended."""
        with self._guard:
            if self._wake is not None:
                os.write(self._wake[1], b"!")

    def run(self) -> Completed:
        """What came of it. WorkspaceError when it can't start or takes too long, StoppedError."""
        try:
            process = self._start()
            try:
                return self._followed(process)
            except BaseException:
                _end(process)
                raise
            finally:
                for stream in (process.stdin, process.stdout, process.stderr):
                    if stream is not None:
                        stream.close()
        finally:
            with self._guard:
                for end in self._wake or ():
                    os.close(end)
                self._wake = None

    def _start(self) -> subprocess.Popen[bytes]:
        launch = self._launch
        self._deadline = time.monotonic() + launch.timeout
        try:
            process = subprocess.Popen(  # noqa: S603  callers name the program, with its full path and no shell
                (str(launch.program), *launch.arguments),
                bufsize=0,
                stdin=subprocess.PIPE if launch.stdin else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=launch.folder,
                env=launch.environment,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise WorkspaceError(
                f"{launch.program.name} could not be started: {error}. Check its arguments."
            ) from error
        if process.stdout is not None and hasattr(fcntl, "F_SETPIPE_SZ"):
            with contextlib.suppress(OSError):  # Somebody has too many large pipes; it works with a small one.
                fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, _PIPE)
        return process

    def _followed(self, process: subprocess.Popen[bytes]) -> Completed:
        with selectors.DefaultSelector() as selector:
            if self._wake is not None:
                selector.register(self._wake[0], selectors.EVENT_READ, self._was_stopped)
            output = _Output(process, self._launch, self._on_stderr)
            output.register(selector)
            while output.is_open:
                self._turn(selector, None)
            pause = _SHORTEST_LOOK
            while (exit_code := process.poll()) is None:
                self._turn(selector, pause)
                pause = min(2 * pause, _LONGEST_LOOK)
            return output.completed(exit_code)

    def _turn(self, selector: selectors.BaseSelector, longest: float | None) -> None:
        """Wait until something can be done, for `longest` seconds at most, and do it."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            launch = self._launch
            raise WorkspaceError(
                f"{launch.program.name} took longer than {launch.timeout:g} seconds and was stopped. Ask for less at once."
            )
        for key, _ in selector.select(left if longest is None else min(left, longest)):
            key.data(selector)

    def _was_stopped(self, _selector: selectors.BaseSelector) -> None:
        raise StoppedError


class _Output:
    """What a program says and is told, a piece whenever its pipes are ready."""

    def __init__(
        self, process: subprocess.Popen[bytes], launch: Launch, on_stderr: Callable[[bytes], object] | None
    ) -> None:
        self._process = process
        self._cap = launch.cap
        self._input = memoryview(launch.stdin)
        self._on_stderr = on_stderr
        self._said: list[bytes] = []
        self._size = 0
        self._complaints = bytearray()
        self._open = 0

    @property
    def is_open(self) -> bool:
        """Whether it may say more, or has not yet been told everything."""
        return self._open > 0

    def register(self, selector: selectors.BaseSelector) -> None:
        """Have each pipe served when it is ready."""
        process = self._process
        for stream, events, serve in (
            (process.stdout, selectors.EVENT_READ, self._take),
            (process.stderr, selectors.EVENT_READ, self._take_complaint),
            (process.stdin, selectors.EVENT_WRITE, self._give),
        ):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                selector.register(stream.fileno(), events, serve)
                self._open += 1

    def completed(self, exit_code: int) -> Completed:
        """Everything, with output beyond the cap cut off."""
        is_cut = self._size > self._cap
        stdout = b"".join(self._said)
        return Completed(
            exit_code=exit_code,
            stdout=stdout[: self._cap] if is_cut else stdout,
            stderr=bytes(self._complaints),
            is_cut=is_cut,
        )

    def _take(self, selector: selectors.BaseSelector) -> None:
        chunk = self._read(selector, self._process.stdout)
        # Beyond the cap the program is ended, and the rest of what it said thrown away.
        if self._size <= self._cap:
            self._said.append(chunk)
            self._size += len(chunk)
            if self._size > self._cap:
                _signal(self._process, signal.SIGKILL)

    def _take_complaint(self, selector: selectors.BaseSelector) -> None:
        if chunk := self._read(selector, self._process.stderr):
            self._complaints += chunk[: max(0, _STDERR_CAP - len(self._complaints))]
            if self._on_stderr is not None:
                self._on_stderr(chunk)

    def _read(self, selector: selectors.BaseSelector, stream: IO[bytes] | None) -> bytes:
        chunk = b"" if stream is None else os.read(stream.fileno(), _CHUNK)
        if not chunk:
            self._close(selector, stream)
        return chunk

    def _give(self, selector: selectors.BaseSelector) -> None:
        stream = self._process.stdin
        if stream is None:
            return
        # A program that needs no more input closes its end; what it did read still counts.
        try:
            self._input = self._input[os.write(stream.fileno(), self._input[:_CHUNK]) :]
        except (BrokenPipeError, ConnectionResetError):
            self._input = self._input[:0]
        if not self._input:
            self._close(selector, stream)

    def _close(self, selector: selectors.BaseSelector, stream: IO[bytes] | None) -> None:
        if stream is not None:
            selector.unregister(stream.fileno())
            stream.close()
            self._open -= 1


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the group: first a request, so that it can tidy up, then by force."""
    _signal(process, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE)
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """The program leads its own group, so its id is the group's; a group that is gone needs nothing."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
