"""Connections that can be reset: what ASGI has no word for, done at the socket below."""

from __future__ import annotations

import asyncio
import os
import socket
import struct

from starlette.types import Scope
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

_RESET = "dsterm.reset"
_SEND_RESET = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
"""Linger for no time: closing then sends a reset instead of an end."""


class ResettableProtocol(H11Protocol):
    """HTTP/1.1 whose requests carry the way to reset their connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, {**app_state, _RESET: self._reset}, _loop)

    def _reset(self) -> None:
        connection: socket.socket | None = self.transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _SEND_RESET)
        self.transport.abort()


def reset_connection(scope: Scope) -> None:
    """Reset the connection that the request of `scope` came through."""
    scope["state"][_RESET]()
