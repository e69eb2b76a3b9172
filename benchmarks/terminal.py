"""A program in a pseudo-terminal of 120x40: typed to, watched, and timed while it runs. Linux only.

The terminal itself never echoes, so a letter that is seen was painted by the program.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from benchmarks.figures import BenchmarkError
from benchmarks.measure import kill_group

COLUMNS, ROWS = 120, 40
_MEGABYTE = 1_000_000
_OVERLAP = 2048
_ESCAPES = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[P_^X][^\x1b]*\x1b\\|[ -/]*[0-Z\\^-~])"
)
# What xterm-like terminals say when they are asked whether they can paint a frame at once, and who they are.
_ANSWERS = ((b"\x1b[?2026$p", b"\x1b[?2026;2$y"), (b"\x1b[c", b"\x1b[?62;22c"))


class Terminal:
    """A running program. Times are wall seconds since its start; CPU is its own and that of children it waited for."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        leader, follower = pty.openpty()
        _make_quiet(follower)
        self._file = leader
        self.bytes_written = 0
        self.painted_at = 0.0
        self._tail = b""
        self._begin = time.perf_counter()
        self._pid = _start(command, environment, folder, follower, leader)
        os.close(follower)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        kill_group(self._pid)
        os.waitpid(self._pid, 0)
        os.close(self._file)

    @property
    def wall(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._begin

    @property
    def cpu(self) -> float:
        """CPU seconds so far: of the program to the nanosecond, of children that ended to 10 ms."""
        own = time.clock_gettime(_process_clock(self._pid))
        fields = (
            Path(f"/proc/{self._pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        )
        return own + (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

    def memory(self, peak: bool = False) -> float:
        """Resident memory in MB, now or at its peak."""
        name = "VmHWM:" if peak else "VmRSS:"
        for line in Path(f"/proc/{self._pid}/status").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024 / _MEGABYTE
        raise BenchmarkError("The program ended before its memory could be read.")

    def type(self, keys: str) -> None:
        """Press these keys."""
        os.write(self._file, keys.encode())

    def sees(self, *texts: str, seconds: float) -> bool:
        """Whether one of `texts` is painted within `seconds`, or was painted last; returns as soon as it is."""
        wanted = [text.encode() for text in texts]
        return self._sees(lambda seen: any(text in seen for text in wanted), seconds)

    def wait_for(self, text: str, seconds: float) -> None:
        """Return as soon as `text` is painted; BenchmarkError when it isn't within `seconds`."""
        if not self.sees(text, seconds=seconds):
            raise BenchmarkError(f"After {seconds:g} s {text!r} was not painted. {self._last_words()}")

    def wait_for_paint(self, seconds: float) -> None:
        """Return as soon as anything but blanks has been painted."""
        if not self._sees(lambda seen: bool(seen.strip()), seconds):
            raise BenchmarkError(f"After {seconds:g} s nothing was painted.")

    def settle(self, quiet: float = 0.5, seconds: float = 30.0) -> None:
        """Return once nothing was painted and no work done for `quiet` seconds."""
        until = self.wall + seconds
        while self.wall < until:
            cpu, begin, painted = self.cpu, self.wall, self.bytes_written
            while self.wall < begin + quiet:
                self._read(begin + quiet - self.wall)
            if self.bytes_written == painted and self.cpu - cpu < 0.005:
                return
        raise BenchmarkError(f"The program did not settle within {seconds:g} s.")

    def watch(self, seconds: float) -> None:
        """Only take what is painted, for so long."""
        until = self.wall + seconds
        while self.wall < until:
            self._read(until - self.wall)

    def _sees(self, found: Callable[[bytes], bool], seconds: float) -> bool:
        until = self.wall + seconds
        while not found(plain(self._tail)):
            if self.wall > until:
                return False
            self._read(until - self.wall)
        return True

    def _last_words(self) -> str:
        return f"Last on the screen: {b' '.join(plain(self._tail).split())[-200:].decode(errors='replace')!r}"

    def _read(self, seconds: float) -> bytes:
        ready, _, _ = select.select([self._file], [], [], max(0.0, min(seconds, 0.5)))
        if not ready:
            return b""
        try:
            data = os.read(self._file, 65_536)
        except OSError as error:
            raise BenchmarkError(f"The program ended. {self._last_words()}") from error
        self.painted_at = self.wall
        self.bytes_written += len(data)
        self._tail = self._tail[-_OVERLAP:] + data
        for question, answer in _ANSWERS:
            if question in data:
                os.write(self._file, answer)
        return data


def plain(data: bytes) -> bytes:
    """What was painted, without escape sequences."""
    return _ESCAPES.sub(b"", data)


def _make_quiet(follower: int) -> None:
    modes = termios.tcgetattr(follower)
    modes[3] &= ~(termios.ECHO | termios.ECHOE | termios.ECHOK | termios.ECHONL)
    termios.tcsetattr(follower, termios.TCSANOW, modes)
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))


def _start(command: Sequence[str], environment: Mapping[str, str], folder: Path, follower: int, leader: int) -> int:
    """Start `command` as the leader of a session whose terminal is `follower`; its process id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.close(leader)
        os.setsid()
        fcntl.ioctl(follower, termios.TIOCSCTTY, 0)
        for number in range(3):
            os.dup2(follower, number)
        os.chdir(folder)
        os.execvpe(command[0], list(command), dict(environment))
    finally:
        os._exit(127)


def _process_clock(pid: int) -> int:
    """The clock of another process's CPU time, as Linux numbers it: bits 3 and up are ~pid, 2 means time on a CPU."""
    return (~pid << 3) | 2
