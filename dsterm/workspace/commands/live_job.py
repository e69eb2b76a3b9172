"""One job from its start to its end: its time limit, its stop, its way to the background, its output."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import msgspec

from dsterm.core.commands import CommandLaunch, Job, JobOutput, JobState
from dsterm.core.errors import WorkspaceError
from dsterm.core.services import Clock
from dsterm.core.tools import Lack
from dsterm.workspace.commands.job_output import shorten_line
from dsterm.workspace.commands.job_stream import JobStream
from dsterm.workspace.commands.lack import seeming_lack

_MOST_LINES = 2_000
_BYTE_LIMIT = 30_000


class Started(Protocol):
    """A process that was started for a job."""

    async def wait(self) -> int:
        """Its exit code, when it is over."""
        ...

    async def stop(self) -> None:
        """End it with all it started."""
        ...

    async def finish(self) -> bool:
        """After its end: take the rest of its output; whether it left something behind, which is ended."""
        ...

    def kill(self) -> None:
        """End it at once, or let it go when it is to survive."""
        ...


class LiveJob:
    """A job of this session, running or over; `on_change` is told when a job in the background begins or ends."""

    def __init__(self, job: Job, launch: CommandLaunch, stream: JobStream, clock: Clock) -> None:
        self.launch = launch
        self.stream = stream
        self.over = asyncio.Event()
        self.on_change: Callable[[Job], None] = _ignore
        self._freed = asyncio.Event()
        self._job = job
        self._clock = clock
        self._began = clock.monotonic()
        self._ending = JobState.ENDED
        self._limit: asyncio.Timeout | None = None
        self._has_limit = True
        self._process: Started | None = None
        self._supervision: asyncio.Task[None] | None = None
        self._lack: Lack | None = None
        self._notes: list[str] = []

    @property
    def job(self) -> Job:
        """How it stands now."""
        if self.over.is_set():
            return self._job
        return msgspec.structs.replace(self._job, seconds=self._seconds(), lines=self.stream.lines)

    def begin(self, process: Started, settle: Callable[[], tuple[str, ...]]) -> None:
        """Watch over `process` from now on; after it `settle` (blocking) says what had to be put back."""
        self._process = process
        self._supervision = asyncio.create_task(self._supervise(process, settle))

    async def check(self) -> None:
        """Raise what went wrong in watching over it, if anything; it is over, or in the background."""
        if self.over.is_set() and self._supervision:
            await self._supervision

    async def until_over_or_released(self) -> None:
        """Wait for whichever comes first."""
        await self._freed.wait()

    def release(self) -> None:
        """It goes on in the background, without a limit and without anybody looking; nothing when it is over or there."""
        if self.over.is_set() or self._job.is_background:
            return
        self._job = msgspec.structs.replace(self._job, is_background=True)
        self._has_limit = False
        if self._limit and not self._limit.expired():
            self._limit.reschedule(None)
        self.stream.hide()
        self._freed.set()
        self.on_change(self.job)

    async def stop(self) -> None:
        """End it and wait until it is over; the end goes on when the wait is cancelled."""
        if not self.over.is_set() and self._process:
            if self._ending is JobState.ENDED:
                self._ending = JobState.STOPPED
            await self._process.stop()
            await self.over.wait()

    async def let_go(self) -> None:
        """Follow a survivor no longer; it goes on."""
        if self._supervision:
            self._supervision.cancel()
            await asyncio.wait([self._supervision])

    def output(self) -> JobOutput:
        """Head and tail of what it printed, and what is to be said about it."""
        shown = self.stream.shown()
        said = (self.stream.log.trouble,) if shown.is_cut and self.stream.log.trouble else ()
        text = "\n".join(filter(None, (shown.text.removesuffix("\n"), *said, *self._notes)))
        return JobOutput(job=self.job, text=text, is_cut=shown.is_cut, lack=self._lack)

    def stretch(self, first: int) -> JobOutput:
        """Whole lines from line `first` (from 1) on, as many as fit, and how to go on; blocking. WorkspaceError."""
        log = self.stream.log
        first = max(first, 1)
        try:
            found = log.stretch(first, _MOST_LINES, _BYTE_LIMIT)
        except OSError as error:
            raise WorkspaceError(f"The log of job {self._job.id} can't be read: {error.strerror}.") from error
        lines = [shorten_line(line) for line in found.lines]
        if not found.more and not log.is_full and first + len(lines) <= self.stream.lines:
            lines.append(shorten_line(self.stream.unfinished_line()))
        last = first + len(lines) - 1
        if found.more:
            lines.append(f"[lines {first}-{last}; {found.more:,} more, go on at line {last + 1}]")
        elif not lines:
            lines.append(f"[no line {first:,}; there are {self.stream.lines:,} lines so far]")
        if not found.more and log.trouble:
            lines.append(log.trouble)
        return JobOutput(job=self.job, text="\n".join(lines), is_cut=bool(found.more or log.is_full), lack=self._lack)

    async def _supervise(self, process: Started, settle: Callable[[], tuple[str, ...]]) -> None:
        """Wait for its end and put everything in order."""
        code: int | None = None
        try:
            try:
                code = await self._ended(process)
                has_left = await process.finish()
            except BaseException:
                process.kill()
                settle()
                raise
            if has_left and self._ending is JobState.ENDED:
                self._notes.append("[what it left running was ended]")
            self._notes += [f"[{sentence}]" for sentence in await asyncio.to_thread(settle)]
        finally:
            self.stream.finish()
            self._close(code if self._ending is JobState.ENDED else None)
            self.over.set()
            self._freed.set()
        if self._job.is_background:
            self.on_change(self._job)

    async def _ended(self, process: Started) -> int:
        try:
            async with asyncio.timeout(self.launch.seconds if self._has_limit else None) as self._limit:
                return await process.wait()
        except TimeoutError:
            self._ending = JobState.TIMED_OUT
            await process.stop()
            return await process.wait()
        finally:
            # What is over can't be put off any more.
            self._limit = None

    def _close(self, exit_code: int | None) -> None:
        shown = self.stream.shown()
        self._lack = seeming_lack(shown.text, exit_code, self.launch.confinement)
        self._job = msgspec.structs.replace(
            self._job,
            state=self._ending,
            exit_code=exit_code,
            seconds=self._seconds(),
            lines=self.stream.lines,
        )

    def _seconds(self) -> float:
        return round(self._clock.monotonic() - self._began, 3)


def _ignore(_job: Job) -> None:
    return
