"""Runs one thing at a time, a turn or a command, and hands on the events that come meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine

from dsterm.core.events import Envelope
from dsterm.engine.live import LiveSession


class Drive:
    """What runs now over the session that `live` gives, and whoever listens while nothing does."""

    def __init__(self, live: Callable[[], LiveSession]) -> None:
        self._live = live
        self._task: asyncio.Task[None] | None = None
        self._idle_listener: Callable[[Envelope], None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether something runs."""
        return self._task is not None and not self._task.done()

    @property
    def is_busy(self) -> bool:
        """Whether something else than the asking task runs."""
        return self.is_running and self._task is not asyncio.current_task()

    def listen(self, listener: Callable[[Envelope], None]) -> None:
        """Hear what happens while nothing runs."""
        self._idle_listener = listener
        if not self.is_running:
            self._live().listener = listener

    async def events(self, work: Coroutine[object, object, None]) -> AsyncIterator[Envelope]:
        """Run `work` and yield its events; what it raises comes at the end. Leaving early stops it."""
        if self.is_running:
            work.close()
            raise RuntimeError("a turn or command is running already")
        queue: asyncio.Queue[Envelope | None] = asyncio.Queue()
        self._live().listener = queue.put_nowait
        task = self._task = asyncio.create_task(work)
        task.add_done_callback(lambda _: queue.put_nowait(None))
        try:
            while (envelope := await queue.get()) is not None:
                yield envelope
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
            if self._task is task:
                self._task = None
                self._live().listener = self._idle_listener
                self._pass_on(queue)
        if not task.cancelled():
            task.result()

    def interrupt(self) -> None:
        """Stop what runs; it ends in order."""
        if self._task is not None:
            self._task.cancel()

    async def close(self) -> None:
        """Stop what runs and wait for its end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _pass_on(self, queue: asyncio.Queue[Envelope | None]) -> None:
        """What came after the end, such as the end of a job, happened while nothing ran."""
        while not queue.empty():
            envelope = queue.get_nowait()
            if envelope is not None and self._idle_listener is not None:
                self._idle_listener(envelope)
