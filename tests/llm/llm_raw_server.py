"""An HTTP/1.1 server that says exactly what a test tells it to, byte by byte, over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence

import msgspec

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"

Step = bytes | float


class Received(msgspec.Struct, frozen=True):
    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class RawServer:
    """Plays one script a request, the last one again and again: bytes are sent, a number is slept."""

    def __init__(self) -> None:
        self.scripts: list[Sequence[Step]] = []
        self.received: list[Received] = []
        self.connections = 0
        self.lost = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.greeting = b""
        self.url = ""

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/v1"

    async def stop(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*self._tasks)

    def plays(self, *steps: Step) -> None:
        self.scripts.append(steps)

    def streams(self, *events: object, pieces: int = 1) -> None:
        """Plays a well-formed stream of `events`, each `str` as it is and anything else as JSON data, in `pieces` a event."""
        self.plays(HEAD, *(chunked(sse(event), pieces) for event in events), END)

    def answers(self, status: str, body: bytes, *headers: str) -> None:
        """Plays a plain answer with a status other than 200."""
        lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers, "", ""]
        self.plays("\r\n".join(lines).encode() + body)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._tasks.add(asyncio.current_task())
        self._writers.add(writer)
        writer.write(self.greeting)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._play(reader, writer):
                    pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether the connection stays open after it."""
        self.received.append(await _receive(reader))
        script = self.scripts[min(len(self.received), len(self.scripts)) - 1]
        for step in script:
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
            elif await _hangs_up(reader, step):
                self.lost.set()
                return False
        return script[-1].endswith(END) or b"content-length" in script[0]


async def _hangs_up(reader: asyncio.StreamReader, seconds: float) -> bool:
    """Sleep, unless the client closes the connection before that."""
    try:
        async with asyncio.timeout(seconds):
            return not await reader.read(1)
    except TimeoutError:
        return False
    except ConnectionError:
        return True


async def _receive(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(head[0], headers, body)


def sse(event: object) -> bytes:
    return (event if isinstance(event, str) else f"data: {json.dumps(event, ensure_ascii=False)}\n\n").encode()


def chunked(data: bytes, pieces: int = 1) -> bytes:
    """`data` in the chunked transfer coding, cut into `pieces` without regard to what is in it."""
    size = max(1, -(-len(data) // pieces))
    parts = [data[start : start + size] for start in range(0, len(data), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)


def chunk(finish: str | None = None, usage: object = None, **delta: object) -> dict[str, object]:
    return {
        "id": "x",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "deepseek/deepseek-v4-pro",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
        "usage": usage,
    }


DONE = "data: [DONE]\n\n"
