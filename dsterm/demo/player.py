"""Plays a reply over a connection: in its pace, in its chunks, with its faults."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import chain, repeat
from typing import Protocol

import msgspec

from dsterm.core.models import Usage
from dsterm.demo import chunks
from dsterm.demo.reply import Comment, Drop, End, Fault, Malformed, Reply, Reset, Stall, StreamError, UsagePlace
from dsterm.demo.request import SentCall

_FULL_WRITE = 65_536


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """What was generated for a request, in whole or up to where it stopped."""

    reasoning: str = ""
    text: str = ""
    calls: tuple[SentCall, ...] = ()
    is_complete: bool = False


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A reply, settled for one request: texts at full length, calls with ids, the reason it ends with, tokens a second."""

    reply: Reply
    reasoning: str
    text: str
    calls: tuple[SentCall, ...]
    finish_reason: str
    tokens_per_second: float
    is_thinking: bool


class Connection(Protocol):
    """The way to the client."""

    async def write(self, data: bytes) -> None:
        """Send `data`; raises Gone when the client has left."""
        ...

    async def wait(self, seconds: float) -> None:
        """Let time pass; raises Gone when the client leaves."""
        ...


class Gone(Exception):
    """The client has closed the connection."""


class Dropped(Exception):
    """The reply wants the connection closed in mid-answer; `is_reset`: without the manners of a proper end."""

    def __init__(self, *, is_reset: bool) -> None:
        super().__init__()
        self.is_reset = is_reset


class _Ended(Exception):
    """The stream is over before its time."""


_Chunk = tuple[str, int, bytes]
"""What a chunk adds to (`reasoning`, `text`, `call`, or nothing), by how much, and its bytes."""


class Player:
    """One streamed answer; `output` is what has been generated so far, `has_failed` says that the reply broke it off itself."""

    def __init__(self, answer: Answer, envelope: chunks.Envelope, connection: Connection) -> None:
        self._answer = answer
        self._envelope = envelope
        self._connection = connection
        self._faults = sorted(answer.reply.faults, key=lambda fault: fault.after)
        self._buffer = bytearray()
        self._sent = 0
        self._started = time.monotonic()
        self._lengths = {"reasoning": 0, "text": 0, "call": 0}
        self._is_complete = False
        self.has_failed = False

    @property
    def output(self) -> Output:
        """What the client may have got."""
        answer = self._answer
        return Output(
            reasoning=answer.reasoning[: self._lengths["reasoning"]],
            text=answer.text[: self._lengths["text"]],
            calls=_written(answer.calls, self._lengths["call"]),
            is_complete=self._is_complete,
        )

    async def play(self, usage: Callable[[], Awaitable[Usage]]) -> None:
        """Send everything; `usage` is asked for when the end is near. Raises Gone or Dropped."""
        try:
            for adds, length, data in self._body():
                await self._faults_due()
                self._buffer += data
                self._sent += 1
                if adds:
                    self._lengths[adds] += length
                await self._pace()
            await self._faults_due()
            await self._finish(usage)
        except _Ended:
            await self._flush()

    def _body(self) -> Iterator[_Chunk]:
        """Every chunk before the finish."""
        answer, envelope = self._answer, self._envelope
        first: dict[str, object] = {"role": "assistant", "content": None, "reasoning_content": ""}
        yield "", 0, envelope.delta(first if answer.is_thinking else {"role": "assistant", "content": ""})
        reply = answer.reply
        if answer.is_thinking:
            yield from self._texts("reasoning", reply.reasoning, reply.reasoning_repeat)
        yield from self._texts("text", reply.text, reply.repeat)
        for index, call in enumerate(answer.calls):
            deltas = chunks.call_deltas(index, call, omits_id=reply.omits_ids, is_id_late=reply.late_ids)
            yield from (("call", length, envelope.delta(delta)) for length, delta in deltas)

    def _texts(self, channel: str, text: str, times: int) -> Iterator[_Chunk]:
        """The pieces of `text`, over and over; each is encoded once."""
        names = ("reasoning_content", "content") if channel == "reasoning" else ("content", "reasoning_content")
        encoded = [
            (
                channel,
                len(piece),
                self._envelope.delta(
                    {names[0]: piece, names[1]: None} if self._answer.is_thinking else {names[0]: piece}
                ),
            )
            for piece in chunks.pieces(text)
        ]
        return chain.from_iterable(repeat(encoded, times))

    async def _pace(self) -> None:
        speed = self._answer.tokens_per_second
        if not speed:
            if len(self._buffer) >= _FULL_WRITE:
                await self._flush()
            return
        await self._flush()
        ahead = self._sent / speed - (time.monotonic() - self._started)
        if ahead > 0:
            await self._connection.wait(ahead)

    async def _flush(self) -> None:
        data, self._buffer = bytes(self._buffer), bytearray()
        if not data:
            return
        if not self._answer.reply.splits_characters:
            await self._connection.write(data)
            return
        for part in _inside_characters(data):
            await self._connection.write(part)
            await self._connection.wait(0.002)

    async def _faults_due(self) -> None:
        while self._faults and self._faults[0].after <= self._sent:
            await self._commit(self._faults.pop(0))

    async def _commit(self, fault: Fault) -> None:
        self.has_failed |= not isinstance(fault, Stall | Comment)
        match fault:
            case Stall(seconds=seconds):
                await self._flush()
                await self._pause(seconds)
            case Comment(text=text, times=times, seconds=seconds):
                for _ in range(times):
                    self._buffer += f": {text}\n\n".encode()
                    await self._flush()
                    await self._pause(seconds)
            case Malformed(text=text):
                self._buffer += f"data: {text}\n\n".encode()
            case StreamError(message=message, code=code, type=kind):
                self._buffer += b"data: " + chunks.error_body(message, code, kind) + b"\n\n"
                raise _Ended
            case End():
                raise _Ended
            case Drop() | Reset():
                await self._flush()
                raise Dropped(is_reset=isinstance(fault, Reset))

    async def _pause(self, seconds: float) -> None:
        """Time that the reply loses: what follows is not sent faster to make up for it."""
        await self._connection.wait(seconds)
        self._started += seconds

    async def _finish(self, usage: Callable[[], Awaitable[Usage]]) -> None:
        self._is_complete = True
        figures = await usage()
        answer = self._answer
        place = answer.reply.usage_place
        delta: dict[str, object] = {"content": "", "reasoning_content": None} if answer.is_thinking else {"content": ""}
        is_here = place in {UsagePlace.FINISH, UsagePlace.BOTH}
        self._buffer += self._envelope.finish(delta, answer.finish_reason, figures if is_here else None)
        if place in {UsagePlace.TRAILING, UsagePlace.BOTH}:
            self._buffer += self._envelope.trailer(figures)
        if not answer.reply.omits_done:
            self._buffer += chunks.DONE
        await self._flush()


def _written(calls: Sequence[SentCall], length: int) -> tuple[SentCall, ...]:
    """The calls that `length` has brought: 1 for each name, then the characters of its arguments; the last may be in part."""
    written = []
    for call in calls:
        if length <= 0:
            break
        written.append(msgspec.structs.replace(call, arguments=call.arguments[: length - 1]))
        length -= 1 + len(call.arguments)
    return tuple(written)


def _inside_characters(data: bytes) -> Iterator[bytes]:
    """`data` cut behind the first byte of every character of several bytes."""
    start = 0
    for place, byte in enumerate(data):
        if byte >= 0xC0:
            yield data[start : place + 1]
            start = place + 1
    yield data[start:]
