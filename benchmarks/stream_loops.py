"""The loops that `stream` compares, each in a process of its own: it prints its CPU seconds without start-up as JSON."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from openai import AsyncOpenAI

from dsterm.core.delta_events import ReasoningDelta, TextDelta, ToolCallDelta
from dsterm.core.events import DELTAS
from dsterm.core.messages import UserMessage
from dsterm.core.models import ThinkingMode
from dsterm.core.provider import Alive, Delta, Ended, ReasoningPiece, Request, StopReason, TextPiece, ToolCallPiece
from dsterm.core.tools import ToolSpec
from dsterm.llm.assemble import Assembler
from dsterm.llm.catalog import load_catalog
from dsterm.llm.event_stream import EventSplitter
from dsterm.llm.openai_chat import OpenAIChat
from dsterm.llm.scrubber import Scrubber

_MEGABYTE = 1_000_000
_KEY = "benchmark-key-of-no-account"
_TOOLS = tuple(
    ToolSpec(name=name, description=name, parameters=msgspec.Raw(b"{}")) for name in ("read", "edit", "bash", "grep")
)


class _Piece(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Piece


class _Chunk(msgspec.Struct):
    choices: list[_Choice]


async def bare(url: str) -> tuple[float, int]:
    """The least that reads the answer with the SDK: its raw response, our own split, msgspec."""
    client = AsyncOpenAI(api_key=_KEY, base_url=url, max_retries=0)
    decoder = msgspec.json.Decoder(_Chunk)
    parts: list[str] = []
    begin = time.process_time()
    request = client.chat.completions.with_streaming_response
    async with request.create(model="m", messages=[{"role": "user", "content": "hi"}], stream=True) as response:
        rest = b""
        async for data in response.iter_bytes():
            *events, rest = (rest + data).split(b"\n\n")
            for event in events:
                if event != b"data: [DONE]":
                    choices = decoder.decode(event[6:]).choices
                    if choices and choices[0].delta.content:
                        parts.append(choices[0].delta.content)
    text = "".join(parts)
    return time.process_time() - begin, len(text)


async def typed(url: str) -> tuple[float, int]:
    """The SDK's own loop over its own objects."""
    client = AsyncOpenAI(api_key=_KEY, base_url=url, max_retries=0)
    parts: list[str] = []
    begin = time.process_time()
    stream = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}], stream=True)
    async for chunk in stream:
        content = chunk.choices[0].delta.content if chunk.choices else None
        parts.append(content or "")
    text = "".join(parts)
    return time.process_time() - begin, len(text)


async def dsterm(url: str) -> tuple[float, int]:
    """The client as the engine has it: Deltas, scrubbed, assembled, and an event for each that a screen shows."""
    catalog = load_catalog(base_url=url)
    chat = OpenAIChat(catalog.provider("novita"), _KEY)
    chat.warm()
    request = Request(
        model=catalog.model("novita", "pro"),
        mode=ThinkingMode.THINK,
        system="You help.",
        tools=_TOOLS,
        messages=(UserMessage(text="hi"),),
        max_tokens=1000,
    )
    assembler = Assembler()
    shown: list[object] = []
    begin = time.process_time()
    async for delta in chat.stream(request):
        assembler.feed(delta)
        event = _event(delta)
        if event is not None:
            shown.append(event)
    size = len(assembler.content)
    cpu = time.process_time() - begin
    await chat.close()
    if assembler.stop is not StopReason.STOP or not all(isinstance(event, DELTAS) for event in shown):
        raise SystemExit(f"The answer did not come: {assembler.failure}")
    return cpu, size


def _event(delta: Delta) -> object:
    match delta:
        case TextPiece(text=text):
            return TextDelta(text)
        case ReasoningPiece(text=text):
            return ReasoningDelta(text)
        case ToolCallPiece():
            return ToolCallDelta(index=delta.index, name=delta.name, characters=len(delta.arguments))
        case _:
            return None


def growing(pieces: Iterator[object], feed: Callable[[object], object]) -> tuple[float, int]:
    """CPU seconds of `feed` for all the pieces, which are made beforehand."""
    made = list(pieces)
    begin = time.process_time()
    for piece in made:
        feed(piece)
    return time.process_time() - begin, len(made)


def line(megabytes: int) -> tuple[float, int]:
    """One event of so many megabytes, in reads of 100 bytes."""
    splitter = EventSplitter(cap=20 * _MEGABYTE)

    def feed(data: object) -> None:
        if isinstance(data, bytes):
            splitter.feed(data)

    return growing((b"x" * 100 for _ in range(megabytes * _MEGABYTE // 100)), feed)


def _scrubbing(pieces: Iterator[str]) -> tuple[float, int]:
    scrubber, assembler = Scrubber(frozenset({"read"})), Assembler()

    def feed(text: object) -> None:
        if isinstance(text, str):
            for delta in scrubber.scrub((TextPiece(text), Alive())):
                assembler.feed(delta)

    cpu, count = growing(iter(pieces), feed)
    begin = time.process_time()
    for delta in scrubber.scrub([Ended(stop=StopReason.STOP)]):
        assembler.feed(delta)
    return cpu + time.process_time() - begin, count


def deltas(megabytes: int) -> tuple[float, int]:
    """So many times 50,000 Deltas of text with code and tags."""
    words = ("Look at `a`, ", "<b>x</b> ", "[1] ", "\n```py\nx = 1\n```\n", "| plain words | ")
    return _scrubbing(words[number % len(words)] for number in range(megabytes * 50_000))


def markup(megabytes: int) -> tuple[float, int]:
    """A leak that never ends and outgrows what is kept."""
    opening = iter(['<｜DSML｜tool_calls><｜DSML｜invoke name="read"><｜DSML｜parameter name="path" string="true">'])
    return _scrubbing([*opening, *("</tool" for _ in range(megabytes * _MEGABYTE // 20))].__iter__())


def backticks(megabytes: int) -> tuple[float, int]:
    """A line of backticks and openings that never become anything."""
    return _scrubbing(("`", "<tool_call", "<｜DSML｜")[number % 3] for number in range(megabytes * 20_000))


async def serve(recording: Path) -> None:
    """Answer each request with the bytes of `recording` as one event-stream; the address is printed."""
    body = recording.read_bytes()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
        await reader.readexactly(int(size.partition(b":")[2]))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        for begin in range(0, len(body), 65_536):
            writer.write(body[begin : begin + 65_536])
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1\n")
    sys.stdout.flush()
    await server.serve_forever()


def main(what: str, argument: str) -> None:
    """Run one loop, or the server."""
    streams = {"bare": bare, "typed": typed, "dsterm": dsterm}
    sizes = {"line": line, "deltas": deltas, "markup": markup, "backticks": backticks}
    if what == "serve":
        asyncio.run(serve(Path(argument)))
        return
    cpu, characters = asyncio.run(streams[what](argument)) if what in streams else sizes[what](int(argument))
    sys.stdout.write(msgspec.json.encode({"cpu": cpu, "characters": characters}).decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
