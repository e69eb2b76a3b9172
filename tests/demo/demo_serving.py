"""A demo server that stops at once: what `uvicorn.Server.serve` does, without the tenths of a second between its looks around."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn


@asynccontextmanager
async def serving(server: uvicorn.Server, listener: socket.socket) -> AsyncIterator[None]:
    """`server` answers at `listener`, in this loop, until the block is over; then whoever is still connected is cut off."""
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup(sockets=[listener])
    try:
        yield
    finally:
        for each in server.servers:
            each.close()
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        for each in server.servers:
            await each.wait_closed()
        listener.close()
