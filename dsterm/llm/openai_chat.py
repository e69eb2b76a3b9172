"""The Provider over AsyncOpenAI: the SDK does the HTTP, the stream is read raw.

The SDK is imported on first use. Its typed chunks would cost 60 times the CPU of `event_stream` and `chunks`, so it is
asked for the bare response; the body is our own bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dsterm.core.errors import ProviderError
from dsterm.core.models import ProviderCard
from dsterm.core.provider import Alive, Delta, Ended, Failure, FailureKind, Request, StopReason
from dsterm.llm.chunks import ChunkReader
from dsterm.llm.event_stream import EventSplitter
from dsterm.llm.failures import Origin, from_status, not_a_stream
from dsterm.llm.merging import merged
from dsterm.llm.transport import Trouble, from_trouble, trouble_behind
from dsterm.llm.wire import request_body

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

Debug = Callable[[str, bytes], None]

CONNECT_SECONDS = 10.0
READ_SECONDS = 300.0
_WRITE_SECONDS = 60.0
_DRAIN_SECONDS = 0.25
_ERROR_BODY_SECONDS = 10.0
_ERROR_BODY_CAP = 64 * 1024
_PAGE_CAP = 4 * 1024 * 1024
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SENT_HEADERS = frozenset({"host", "accept", "connection", "content-type", "content-length", "user-agent"})
_ALIVE = Alive()


class _Refused(Exception):
    """The server answered with a status other than success; the body is cut."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers
        self.body = body


class OpenAIChat:
    """Streams chat completions from the provider of `card`.

    `debug` is told `("request", body)` and `("response", bytes)` as they pass; the key is never among them.
    """

    def __init__(self, card: ProviderCard, api_key: str, *, debug: Debug | None = None) -> None:
        self._card = card
        self._key = api_key
        self._debug = debug
        self._lock = threading.Lock()
        self._client: AsyncOpenAI | None = None

    def warm(self) -> None:
        """Import the SDK and make the client; it takes half a second, so call it in a thread, ahead of the first request."""
        with self._lock:
            if self._client is None:
                self._client = self._make_client()

    async def close(self) -> None:
        """Give back sockets; a later request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Send `request` and yield Deltas, Ended last; every failure is in Ended, only CancelledError is raised.

        Closing the generator, or cancelling the task that reads it, closes the connection at once.
        """
        origin = Origin(card=self._card, model=request.model.id, secret=self._key)
        reader = ChunkReader(origin, self._card.reasoning_fields)
        problem = _key_problem(origin) or await self._set_up(origin)
        if problem is not None:
            yield Ended(stop=StopReason.FAILED, failure=problem)
            return
        try:
            async with contextlib.aclosing(self._batches(request, reader, origin)) as batches:
                async for batch in batches:
                    for delta in merged(batch):
                        yield delta
        except _Refused as refused:
            problem = from_status(origin, refused.status, refused.headers, refused.body)
        except ProviderError as error:
            problem = Failure(kind=FailureKind.PROTOCOL, message=str(error), hint="Send the prompt again.")
        except _http_errors() as error:
            if not reader.has_finish_reason:
                problem = from_trouble(origin, _trouble(error), str(error))
        yield reader.end() if problem is None else Ended(stop=StopReason.FAILED, failure=problem)

    async def fetch(self, url: str) -> bytes:
        """At most 4 MB of the page at `url`, on the provider's own host; ProviderError says why it can't be had."""
        origin = Origin(card=self._card, secret=self._key)
        if urlsplit(url).netloc != urlsplit(self._card.base_url).netloc:
            raise ProviderError(f"{url} is not on the host of {self._card.title}, where its API key belongs.")
        problem = _key_problem(origin) or await self._set_up(origin)
        if problem is not None or self._client is None:
            raise ProviderError(problem.sentence if problem else "The connection was used before it was made.")
        from openai import AsyncStream  # noqa: PLC0415

        try:
            stream = await self._client.get(url, cast_to=object, stream=True, stream_cls=AsyncStream[object])
            try:
                return await _head(stream.response, _PAGE_CAP)
            finally:
                await stream.response.aclose()
        except _Refused as refused:
            raise ProviderError(
                from_status(origin, refused.status, refused.headers, refused.body).sentence
            ) from refused
        except _http_errors() as error:
            raise ProviderError(from_trouble(origin, _trouble(error), str(error)).sentence) from error

    async def _set_up(self, origin: Origin) -> Failure | None:
        try:
            if self._client is None:
                await asyncio.to_thread(self.warm)
        except (ImportError, ValueError) as error:
            return from_trouble(origin, Trouble.OTHER, f"the HTTP client can't be made ({error})")
        except _http_errors() as error:
            return from_trouble(origin, Trouble.OTHER, str(error))
        return None

    async def _batches(
        self, request: Request, reader: ChunkReader, origin: Origin
    ) -> AsyncGenerator[list[Delta], None]:
        """The Deltas of each read from the socket; `reader` knows in the end why it ended."""
        splitter = EventSplitter()
        response = await self._send(request_body(request, self._card))
        try:
            kind = response.headers.get("content-type", "")
            if kind.startswith(("text/html", "application/json")):
                page = await _head(response)
                self._tell("response", page)
                reader.give_up(not_a_stream(origin, kind, page))
                return
            pieces = response.aiter_bytes()
            async for data in pieces:
                self._tell("response", data)
                yield _read(reader, splitter.feed(data))
                if reader.is_over:
                    await _drain(pieces)
                    return
            yield _read(reader, splitter.finish(), is_last=True)
        finally:
            await response.aclose()

    async def _send(self, body: bytes) -> httpx2.Response:
        """The open response of a successful status; raises _Refused for any other."""
        from openai import AsyncStream  # noqa: PLC0415

        self._tell("request", body)
        client = self._client
        if client is None:
            raise ProviderError("The connection was used before it was made.")
        stream = await client.post(
            "/chat/completions", cast_to=object, content=body, stream=True, stream_cls=AsyncStream[object]
        )
        return stream.response

    def _make_client(self) -> AsyncOpenAI:
        import httpx2  # noqa: PLC0415
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient  # noqa: PLC0415

        timeout = httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS, write=_WRITE_SECONDS)
        http_client = DefaultAsyncHttpxClient(
            timeout=timeout,
            follow_redirects=False,
            # A proxy for the world outside can't reach a server on this machine.
            trust_env=urlsplit(self._card.base_url).hostname not in _LOOPBACK,
            event_hooks={"request": [self._strip], "response": [self._refuse]},
        )
        return AsyncOpenAI(
            api_key=self._key or "none",
            base_url=self._card.base_url,
            max_retries=0,
            timeout=timeout,
            http_client=http_client,
        )

    async def _strip(self, request: httpx2.Request) -> None:
        """Send only what the provider needs: nothing of this machine, of OPENAI_* variables, or of a key that isn't there."""
        for name in request.headers.keys() - _SENT_HEADERS:
            del request.headers[name]
        if self._key:
            request.headers["authorization"] = f"Bearer {self._key}"

    async def _refuse(self, response: httpx2.Response) -> None:
        """Stop at any status but success before the SDK reads a body without bounds."""
        names = [name for name in response.headers if "request" in name or "trace" in name]
        words = [f"HTTP {response.status_code}", *(f"{name}: {response.headers[name]}" for name in names)]
        self._tell("response", "; ".join(words).encode() + b"\n")
        if not response.is_success:
            body = await _head(response)
            self._tell("response", body)
            headers = {name.lower(): value for name, value in response.headers.items()}
            raise _Refused(response.status_code, headers, body)

    def _tell(self, what: str, data: bytes) -> None:
        if self._debug is not None:
            self._debug(what, data.replace(self._key.encode(), b"***") if self._key else data)


def _read(reader: ChunkReader, events: list[bytes | None], *, is_last: bool = False) -> list[Delta]:
    deltas: list[Delta] = []
    for event in events:
        if event is None:
            deltas.append(_ALIVE)
        else:
            deltas.extend(reader.read(event, is_last=is_last))
        if reader.is_over:
            break
    return deltas


async def _head(response: httpx2.Response, cap: int = _ERROR_BODY_CAP) -> bytes:
    """The beginning of a body, as much as comes in a bounded time."""
    body = bytearray()
    with contextlib.suppress(TimeoutError, *_http_errors()):
        async with asyncio.timeout(_ERROR_BODY_SECONDS):
            async for data in response.aiter_bytes():
                body += data
                if len(body) >= cap:
                    break
    return bytes(body[:cap])


async def _drain(pieces: AsyncIterator[bytes]) -> None:
    """Read to the end of a finished response, so that its connection serves the next request too."""
    with contextlib.suppress(TimeoutError, *_http_errors()):
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for _ in pieces:
                pass


def _http_errors() -> tuple[type[Exception], ...]:
    """What the SDK and the libraries below it raise for trouble on the way."""
    import anyio  # noqa: PLC0415
    import httpx2  # noqa: PLC0415
    from openai import OpenAIError  # noqa: PLC0415

    # Reading from a TLS connection lets anyio's own error through.
    return (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OpenAIError, anyio.EndOfStream, OSError)


def _trouble(error: Exception) -> Trouble:
    import httpx2  # noqa: PLC0415

    cause = error if isinstance(error, httpx2.HTTPError) else error.__cause__ or error
    match cause:
        case httpx2.ConnectTimeout() | httpx2.PoolTimeout():
            return Trouble.SLOW_CONNECT
        case httpx2.TimeoutException():
            return Trouble.SILENT
        case httpx2.ProxyError():
            return Trouble.PROXY
        case _:
            reported = trouble_behind(error)
    if reported is not None:
        return reported
    is_sent = isinstance(cause, (httpx2.NetworkError, httpx2.RemoteProtocolError)) and not isinstance(
        cause, httpx2.ConnectError
    )
    return Trouble.BROKEN_OFF if is_sent or type(cause).__name__ == "EndOfStream" else Trouble.OTHER


def _key_problem(origin: Origin) -> Failure | None:
    key, card = origin.secret, origin.card
    page = f" Keys are made at {card.key_page}." if card.key_page else ""
    if not key and card.needs_key:
        message = f"There is no API key for {card.title}."
    elif key and not (key.isascii() and key.isprintable() and " " not in key):
        message = f"The API key for {card.title} holds a space, a line break or another character that no key has."
    else:
        return None
    hint = f"Set {origin.key_variables}.{page}"
    return Failure(kind=FailureKind.AUTHENTICATION, message=message, hint=hint)
