"""Streamed responses over ASGI: written piece by piece, ended when the client leaves, cut when a reply wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dsterm.demo.player import Connection, Dropped, Gone
from dsterm.demo.resets import reset_connection

_HEADERS = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]


class StreamConnection:
    """The way to one client; `gone` ends when it has left."""

    def __init__(self, send: Send, gone: asyncio.Task[None]) -> None:
        self._send = send
        self._gone = gone

    async def write(self, data: bytes) -> None:
        """Send `data`; raises Gone when the client has left."""
        if self._gone.done():
            raise Gone
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def wait(self, seconds: float) -> None:
        """Let time pass; raises Gone when the client leaves."""
        await asyncio.wait({self._gone}, timeout=seconds)
        if self._gone.done():
            raise Gone


class PlayedResponse(Response):
    """A response whose body is what `play` writes."""

    def __init__(self, play: Callable[[Connection], Awaitable[None]]) -> None:
        super().__init__()
        self._play = play

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Play the answer; a dropped one is never ended, so the server closes the connection under it."""
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        gone = asyncio.create_task(_until_gone(receive))
        try:
            with suppress(Gone):
                await self._play(StreamConnection(send, gone))
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except Dropped as dropped:
            if dropped.is_reset:
                reset_connection(scope)
                await gone
        finally:
            gone.cancel()


class HangUp(Response):
    """A response that never comes: the connection is reset instead."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reset the connection and wait until it is gone."""
        reset_connection(scope)
        await _until_gone(receive)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
