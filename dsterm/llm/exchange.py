"""One request and what comes back: sent once, timed in each of its phases, read into Deltas."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator

from dsterm.core.errors import ProviderError
from dsterm.core.provider import WAS_SENT, Alive, Delta, Sent
from dsterm.llm.answer_form import AnswerForm, as_chunk, form_of
from dsterm.llm.chunks import DONE, ChunkReader
from dsterm.llm.event_stream import MAX_EVENT_BYTES, EventSplitter
from dsterm.llm.failures import empty_answer, not_a_stream
from dsterm.llm.http_client import Answer, HttpClient, Sending, Tell, http_errors
from dsterm.llm.key_mask import masked
from dsterm.llm.origin import Origin
from dsterm.llm.response_headers import request_id
from dsterm.llm.timeouts import Timeouts
from dsterm.llm.transport import Trouble

_ALIVE = Alive()
_SENT = Sent()
_PAGE_CAP = 64 * 1024
_TURNS_TO_NOTICE = 4


class Late(Exception):
    """A phase of the request took longer than it may, in seconds."""

    def __init__(self, trouble: Trouble, seconds: float) -> None:
        super().__init__(str(trouble))
        self.trouble = trouble
        self.seconds = seconds


class Exchange:
    """Sends one body and reads its answer; `reader` knows in the end why it ended, `request_id` is the server's name for it.

    `silence` is how many seconds may pass between two bytes.
    """

    def __init__(self, client: HttpClient, origin: Origin, timeouts: Timeouts, tell: Tell) -> None:
        self.reader = ChunkReader(origin, origin.card.reasoning_fields)
        self.request_id = ""
        self.silence = timeouts.silence
        self._client = client
        self._origin = origin
        self._timeouts = timeouts
        self._tell = tell
        self._splitter = EventSplitter()
        self._started = asyncio.get_running_loop().time()
        self._has_begun = False

    async def batches(self, body: bytes) -> AsyncGenerator[list[Delta], None]:
        """The Deltas of each read from the socket. Refused, Late, ProviderError or one of `http_errors` when it goes wrong."""
        sending, is_told = Sending(), False
        posting = asyncio.create_task(self._post(body, sending))
        posting.add_done_callback(lambda _: sending.moved.set())
        try:
            await sending.moved.wait()
            if sending.was_sent:
                is_told = True
                yield [_SENT]
            answer = await posting
            self.request_id = request_id(answer.headers, self._origin.secret)
            yield [_ALIVE]
            async with contextlib.aclosing(self._read(answer)) as batches:
                async for batch in batches:
                    yield batch
        except asyncio.CancelledError as stop:
            await _settle(sending)
            if sending.was_sent and not is_told:
                raise asyncio.CancelledError(WAS_SENT) from stop
            raise
        finally:
            await _end(posting)

    async def _post(self, body: bytes, sending: Sending) -> Answer:
        self._tell("request", body)
        limit = self._timeouts.until_headers(len(body))
        # A server that may take longer for its first byte is one that may take as long for the next.
        self.silence = max(self._timeouts.silence, limit)
        try:
            async with asyncio.timeout(limit):
                return await self._client.post(body, self.silence, sending)
        except TimeoutError as error:
            raise Late(Trouble.NO_HEADERS, limit) from error

    async def _read(self, answer: Answer) -> AsyncGenerator[list[Delta], None]:
        pieces, start = masked(answer.pieces(), self._origin.secret), b""
        async for data in pieces:
            self._tell("response", data)
            self._check_time()
            start += data
            form = form_of(answer.content_type, start)
            if form is None:
                start = start.lstrip()
                yield [_ALIVE]
                continue
            if form is AnswerForm.EVENTS:
                rest = self._events(start, pieces)
            else:
                rest = self._whole(form, answer.content_type, start, pieces)
            async with contextlib.aclosing(rest):
                async for batch in rest:
                    yield batch
            return
        self.reader.give_up(
            not_a_stream(self._origin, answer.content_type, start)
            if start
            else empty_answer(self._origin, answer.status)
        )

    async def _events(self, start: bytes, pieces: AsyncIterator[bytes]) -> AsyncGenerator[list[Delta], None]:
        yield self._deltas(self._splitter.feed(start))
        while not self.reader.is_over:
            data = await anext(pieces, None)
            if data is None:
                yield self._deltas(self._splitter.finish(), is_last=True)
                return
            self._tell("response", data)
            self._check_time()
            yield self._deltas(self._splitter.feed(data))
        await self._drain(pieces)

    async def _whole(
        self, form: AnswerForm, content_type: str, start: bytes, pieces: AsyncIterator[bytes]
    ) -> AsyncGenerator[list[Delta], None]:
        """An answer in one piece, which a host sends that streams to nobody; or else what it is instead of an answer."""
        self._has_begun = True
        cap = _PAGE_CAP if form is AnswerForm.PAGE else MAX_EVENT_BYTES
        body = bytearray(start)
        while len(body) <= cap:
            data = await anext(pieces, None)
            if data is None:
                break
            self._tell("response", data)
            self._check_time()
            body += data
            yield [_ALIVE]
        if form is AnswerForm.OBJECT and len(body) > cap:
            raise ProviderError(f"The answer is one object of more than {cap:,} bytes, so it was given up.")
        chunk = as_chunk(bytes(body)) if form is AnswerForm.OBJECT else None
        if chunk is None:
            self.reader.give_up(not_a_stream(self._origin, content_type, bytes(body[:cap])))
        else:
            yield self.reader.read(chunk) + self.reader.read(DONE)

    def _deltas(self, events: list[bytes | None], *, is_last: bool = False) -> list[Delta]:
        deltas: list[Delta] = []
        for event in events:
            if event is None:
                deltas.append(_ALIVE)
            else:
                deltas.extend(self.reader.read(event, is_last=is_last))
            if self.reader.is_over:
                break
        # One sign of life a read is enough, and there may be ten thousand.
        said: list[Delta] = [delta for delta in deltas if not isinstance(delta, Alive)]
        self._has_begun = self._has_begun or bool(said)
        return said or deltas[:1]

    def _check_time(self) -> None:
        """Signs of life keep a connection open for ever, so they are counted against a clock of their own."""
        passed = asyncio.get_running_loop().time() - self._started
        if not self._has_begun and passed > self._timeouts.queue:
            raise Late(Trouble.QUEUED, self._timeouts.queue)
        if passed > self._timeouts.total:
            raise Late(Trouble.TOO_LONG, self._timeouts.total)

    async def _drain(self, pieces: AsyncIterator[bytes]) -> None:
        """Read to the end of a finished response, so that its connection serves the next request too."""
        with contextlib.suppress(TimeoutError, *http_errors()):
            async with asyncio.timeout(self._timeouts.drain):
                async for _ in pieces:
                    pass


async def _settle(sending: Sending) -> None:
    """What is written already takes the HTTP library another turn of the loop or two to notice."""
    turns = 0
    while sending.has_begun and not sending.was_sent and turns < _TURNS_TO_NOTICE:
        await asyncio.sleep(0)
        turns += 1


async def _end(posting: asyncio.Task[Answer]) -> None:
    """Stop what is still being sent, and close the answer where there is one."""
    if not posting.done():
        posting.cancel()
        await asyncio.wait([posting])
    if not posting.cancelled() and posting.exception() is None:
        await posting.result().close()
