"""Reads a pipe as fast as the event loop can bear: half of its time is left to everything else, and the writer waits."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

_CHUNK = 65_536
_NOTICEABLE = 0.001


class PipeReader:
    """Hands what comes out of `descriptor`, which it owns, to `take`, until the pipe ends or is closed."""

    def __init__(self, descriptor: int, take: Callable[[bytes], None]) -> None:
        self.closed = asyncio.Event()
        self._descriptor = descriptor
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None
        self._last = self._loop.time()
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._read)

    async def drained(self, silence: float, most: float) -> bool:
        """Wait until the pipe ends, nothing came for `silence` seconds, or `most` are over; whether it ended."""
        until = self._loop.time() + most
        while not self.closed.is_set() and (now := self._loop.time()) < until:
            quiet = now - self._last
            if quiet >= silence and self._pause is None:
                break
            try:
                async with asyncio.timeout(max(silence - quiet, 0.01)):
                    await self.closed.wait()
            except TimeoutError:
                continue
        return self.closed.is_set()

    def close(self) -> None:
        """Read no more."""
        if self.closed.is_set():
            return
        if self._pause:
            self._pause.cancel()
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
        self.closed.set()

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, _CHUNK)
        except BlockingIOError:
            return
        if not data:
            self.close()
            return
        started = self._last = self._loop.time()
        self._take(data)
        spent = self._loop.time() - started
        if spent > _NOTICEABLE:
            self._loop.remove_reader(self._descriptor)
            self._pause = self._loop.call_later(spent, self._resume)

    def _resume(self) -> None:
        self._pause = None
        self._loop.add_reader(self._descriptor, self._read)
