"""The Provider over an OpenAI-compatible API: requests out, Deltas back, every failure as a value with a way out."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable
from urllib.parse import urlsplit

import msgspec

from dsterm.core.errors import DstermError, ProviderError
from dsterm.core.models import ProviderCard
from dsterm.core.provider import Delta, Ended, Failure, FailureKind, Request, StopReason
from dsterm.llm.certificates import Certificates
from dsterm.llm.echoes import is_echo
from dsterm.llm.exchange import Exchange, Late
from dsterm.llm.failures import from_status
from dsterm.llm.http_client import HttpClient, Refused, http_errors, told_by, trouble_of
from dsterm.llm.key_mask import masked
from dsterm.llm.merging import merged
from dsterm.llm.origin import Origin
from dsterm.llm.timeouts import Timeouts
from dsterm.llm.transport import Trouble, from_trouble
from dsterm.llm.wire import request_body

Debug = Callable[[str, bytes], None]

_PAGE_CAP = 4 * 1024 * 1024


class OpenAIChat:
    """Streams chat completions from the provider of `card`.

    `debug` is told `("request", body)` and `("response", bytes)` as they pass; the key is never among them.
    """

    def __init__(
        self,
        card: ProviderCard,
        api_key: str,
        *,
        debug: Debug | None = None,
        timeouts: Timeouts | None = None,
        certificates: Certificates | None = None,
    ) -> None:
        self._card = card
        self._key = api_key
        self._debug = debug
        self._timeouts = timeouts or Timeouts()
        self._certificates = certificates or Certificates()
        self._lock = threading.Lock()
        self._client: HttpClient | None = None

    def warm(self) -> None:
        """Import the SDK and make the client; it takes half a second, so call it in a thread, ahead of the first request.

        What is wrong with proxy, certificates or address is said by the first request.
        """
        # The same is said by the request itself, where somebody reads it.
        with contextlib.suppress(ProviderError):
            self._connected(Origin(card=self._card, secret=self._key))

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
        problem = _key_problem(origin)
        if problem is not None:
            yield Ended(stop=StopReason.FAILED, failure=problem)
            return
        try:
            client = await self._ready(origin)
        except ProviderError as error:
            failure = Failure(kind=FailureKind.CONNECTION, message=str(error))
            yield Ended(stop=StopReason.FAILED, failure=failure)
            return
        exchange = Exchange(client, origin, self._timeouts, self._tell)
        from dsterm.llm.scrubber import Scrubber  # noqa: PLC0415 (its patterns take 7 ms)

        scrubber = Scrubber(
            frozenset(tool.name for tool in request.tools), lambda text: is_echo(text, request.messages)
        )
        try:
            async with contextlib.aclosing(exchange.batches(request_body(request, self._card))) as batches:
                async for batch in batches:
                    for delta in scrubber.scrub(merged(batch)):
                        yield delta
        except (Refused, Late, DstermError) as error:
            problem = _failure(origin, error, exchange.silence)
        except http_errors() as error:
            if not exchange.reader.has_finish_reason:
                problem = _failure(origin, error, exchange.silence, is_proxied=client.is_proxied)
        ended = exchange.reader.end() if problem is None else Ended(stop=StopReason.FAILED, failure=problem)
        for delta in scrubber.scrub([_named(ended, exchange.request_id)]):
            yield delta

    async def fetch(self, url: str) -> bytes:
        """The whole page at `url`, at most 4 MB, on the provider's own host; ProviderError says why it can't be had."""
        origin = Origin(card=self._card, secret=self._key)
        if _place(url) != _place(self._card.base_url):
            raise ProviderError(f"{url} is not on the host of {self._card.title}, where its API key belongs.")
        problem = _key_problem(origin)
        if problem is not None:
            raise ProviderError(problem.sentence)
        client = await self._ready(origin)
        try:
            async with asyncio.timeout(self._timeouts.page):
                return await self._page(client, url)
        except Refused as error:
            if error.status == 404:
                raise ProviderError(f"{self._card.title} has no page {url} (404).") from error
            raise ProviderError(_failure(origin, error, 0.0).sentence) from error
        except TimeoutError as error:
            late = Late(Trouble.NO_HEADERS, self._timeouts.page)
            raise ProviderError(_failure(origin, late, 0.0).sentence) from error
        except http_errors() as error:
            failure = _failure(origin, error, self._timeouts.silence, is_proxied=client.is_proxied)
            raise ProviderError(failure.sentence) from error

    async def _page(self, client: HttpClient, url: str) -> bytes:
        """All of it, since half a list of prices is worse than none."""
        answer, body = await client.get(url), bytearray()
        try:
            async for data in masked(answer.pieces(), self._key):
                body += data
                if len(body) > _PAGE_CAP:
                    raise ProviderError(f"{url} is larger than {_PAGE_CAP:,} bytes, so it was not read.")
        finally:
            await answer.close()
        return bytes(body)

    async def _ready(self, origin: Origin) -> HttpClient:
        client = self._client
        return await asyncio.to_thread(self._connected, origin) if client is None else client

    def _connected(self, origin: Origin) -> HttpClient:
        """The client, made when it is first needed; ProviderError, with what to do, where it can't be."""
        with self._lock:
            if self._client is None:
                try:
                    self._client = HttpClient(self._card, self._key, self._timeouts, self._certificates, self._tell)
                except (ImportError, ValueError) as error:
                    raise _unusable(origin, error) from error
                except http_errors() as error:
                    raise _unusable(origin, error) from error
            return self._client

    def _tell(self, what: str, data: bytes) -> None:
        if self._debug is not None:
            self._debug(what, data.replace(self._key.encode(), b"***") if self._key else data)


def _failure(origin: Origin, error: Exception, silence: float, *, is_proxied: bool = False) -> Failure:
    match error:
        case Refused():
            return from_status(origin, error.status, error.headers, error.body)
        case Late():
            return from_trouble(origin, error.trouble, seconds=error.seconds)
        case DstermError():
            return Failure(kind=FailureKind.PROTOCOL, message=str(error), hint="Send the prompt again.")
    trouble = trouble_of(error)
    seconds = silence if trouble is Trouble.SILENT else 0.0
    return from_trouble(origin, trouble, told_by(error), seconds=seconds, is_proxied=is_proxied)


def _unusable(origin: Origin, error: Exception) -> ProviderError:
    return ProviderError(from_trouble(origin, Trouble.CLIENT, str(error)).sentence)


def _named(ended: Ended, request_id: str) -> Ended:
    """`ended`, its failure with what the server calls the request."""
    failure = ended.failure
    if failure is None or failure.request_id or not request_id:
        return ended
    return msgspec.structs.replace(ended, failure=msgspec.structs.replace(failure, request_id=request_id))


def _place(url: str) -> tuple[str, str]:
    """Scheme, host and port, as far as the key may travel."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", url
    return parts.scheme.lower(), parts.netloc.lower()


def _key_problem(origin: Origin) -> Failure | None:
    key, card = origin.secret, origin.card
    if not key and card.needs_key:
        message = f"There is no API key for {card.title}."
    elif key and not (key.isascii() and key.isprintable() and " " not in key):
        message = f"The API key for {card.title} holds a space, a line break or another character that no key has."
    else:
        return None
    hint = f"Set {origin.key_variables}.{origin.key_page}"
    return Failure(kind=FailureKind.AUTHENTICATION, message=message, hint=hint)
