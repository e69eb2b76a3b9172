"""The HTTP client of one provider: AsyncOpenAI over httpx2, made to send nothing of its own and to follow nobody.

The only file that imports the SDK and its HTTP library, on first use. The SDK's typed chunks would cost 60 times the CPU of
`event_stream` and `chunks`, so it is asked for the bare response, with bytes of ours as the body.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dsterm.core.models import ProviderCard
from dsterm.llm.certificates import Certificates, trusting
from dsterm.llm.timeouts import Timeouts
from dsterm.llm.transport import Trouble, is_this_machine, trouble_behind

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

Tell = Callable[[str, bytes], None]

_ERROR_BODY_CAP = 64 * 1024
_SENT_HEADERS = frozenset({"host", "accept", "connection", "content-type", "content-length", "user-agent"})


class Refused(Exception):
    """The server answered with a status other than success; the body is cut."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers
        self.body = body


class Answer:
    """A successful response while its body comes; `headers` are in lower case."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self.status = response.status_code
        self.headers = _lower(response)

    @property
    def content_type(self) -> str:
        """What the server says that the body is."""
        return self.headers.get("content-type", "")

    def pieces(self) -> AsyncIterator[bytes]:
        """The body, unpacked, as it comes; raises one of `http_errors`."""
        return self._response.aiter_bytes()

    async def close(self) -> None:
        """Give the connection back, or close it where the body has not come to its end."""
        await self._response.aclose()


class Sending:
    """How far a body is: it `has_begun` to be written, `was_sent` whole; `moved` is set then, or once it was given up."""

    def __init__(self) -> None:
        self.has_begun = self.was_sent = False
        self.moved = asyncio.Event()

    async def pieces(self, body: bytes) -> AsyncIterator[bytes]:
        """`body` in one piece. What comes behind it is asked for once it was handed to the network, through tunnel or proxy."""
        self.has_begun = True
        yield body
        self.was_sent = True
        self.moved.set()


class HttpClient:
    """Speaks to the provider of `card` with its `key`; `tell` is told what comes back. Making one takes half a second.

    ProviderError, ImportError, ValueError or one of `http_errors` where certificates, proxy or address can't be used.
    """

    def __init__(
        self, card: ProviderCard, key: str, timeouts: Timeouts, certificates: Certificates, tell: Tell
    ) -> None:
        import httpx2  # noqa: PLC0415
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient  # noqa: PLC0415

        self._key = key
        self._timeouts = timeouts
        self._tell = tell
        is_local = is_this_machine(card.base_url)
        self.is_proxied = not is_local and _is_proxied(card.base_url)
        self._client: AsyncOpenAI = AsyncOpenAI(
            api_key=key or "none",
            base_url=card.base_url,
            max_retries=0,
            timeout=self._limits(timeouts.silence),
            http_client=DefaultAsyncHttpxClient(
                timeout=self._limits(timeouts.silence),
                verify=trusting(certificates, lambda: httpx2.create_ssl_context(trust_env=False)),
                follow_redirects=False,
                # A proxy for the world outside can't reach a server on this machine.
                trust_env=not is_local,
                event_hooks={"request": [self._strip], "response": [self._refuse]},
            ),
        )

    async def post(self, body: bytes, silence: float, sending: Sending) -> Answer:
        """Ask for a chat completion; Refused for any status but success, else one of `http_errors`.

        `silence` is the longest wait, in seconds, for the first byte and between any two. `sending` follows the body.
        """
        from openai import AsyncStream  # noqa: PLC0415

        stream = await self._client.post(
            "/chat/completions",
            cast_to=object,
            content=sending.pieces(body),
            # A body that is asked for piece by piece would go out without its length.
            options={"timeout": self._limits(silence), "headers": {"content-length": str(len(body))}},
            stream=True,
            stream_cls=AsyncStream[object],
        )
        return Answer(stream.response)

    async def get(self, url: str) -> Answer:
        """Ask for a page on the provider's own host; raises as `post` does."""
        from openai import AsyncStream  # noqa: PLC0415

        stream = await self._client.get(url, cast_to=object, stream=True, stream_cls=AsyncStream[object])
        return Answer(stream.response)

    async def close(self) -> None:
        """Give back sockets."""
        await self._client.close()

    def _limits(self, silence: float) -> httpx2.Timeout:
        """How long to wait for a connection and for bytes; sending is bounded by who waits for the answer."""
        import httpx2  # noqa: PLC0415

        connect = self._timeouts.connect
        return httpx2.Timeout(connect=connect, pool=connect, read=silence, write=None)

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
            body = await self._beginning(response)
            self._tell("response", body)
            raise Refused(response.status_code, _lower(response), body)

    async def _beginning(self, response: httpx2.Response) -> bytes:
        """The beginning of a body, as much as comes in a bounded time."""
        body = bytearray()
        with contextlib.suppress(TimeoutError, *http_errors()):
            async with asyncio.timeout(self._timeouts.error_body):
                async for data in response.aiter_bytes():
                    body += data
                    if len(body) >= _ERROR_BODY_CAP:
                        break
        return bytes(body[:_ERROR_BODY_CAP])


def http_errors() -> tuple[type[Exception], ...]:
    """What the SDK and the libraries below it raise for trouble on the way."""
    import anyio  # noqa: PLC0415
    import httpx2  # noqa: PLC0415
    from openai import OpenAIError  # noqa: PLC0415

    # Reading from a TLS connection lets anyio's own error through.
    return (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OpenAIError, anyio.EndOfStream, OSError)


def trouble_of(error: Exception) -> Trouble:
    """Which trouble one of `http_errors` is."""
    import httpx2  # noqa: PLC0415

    cause = _below(error)
    match cause:
        case httpx2.ConnectTimeout() | httpx2.PoolTimeout():
            return Trouble.SLOW_CONNECT
        case httpx2.TimeoutException():
            return Trouble.SILENT
        case httpx2.ProxyError():
            return Trouble.PROXY
        case httpx2.DecodingError():
            return Trouble.GARBLED
        case _:
            reported = trouble_behind(error)
    if reported is not None:
        return reported
    is_sent = isinstance(cause, (httpx2.NetworkError, httpx2.RemoteProtocolError)) and not isinstance(
        cause, httpx2.ConnectError
    )
    return Trouble.BROKEN_OFF if is_sent or type(cause).__name__ == "EndOfStream" else Trouble.OTHER


def told_by(error: Exception) -> str:
    """What one of `http_errors` says; the SDK's own words would only be "Connection error."."""
    return str(_below(error))


def _below(error: Exception) -> BaseException:
    """The HTTP library's error, which the SDK wraps in one of its own."""
    import httpx2  # noqa: PLC0415

    return error if isinstance(error, httpx2.HTTPError) else error.__cause__ or error


def _is_proxied(url: str) -> bool:
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 (it imports email and http)

    parts = urlsplit(url)
    proxies = getproxies()
    has_proxy = bool(proxies.get(parts.scheme) or proxies.get("all"))
    return has_proxy and not proxy_bypass(parts.hostname or "")


def _lower(response: httpx2.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}
