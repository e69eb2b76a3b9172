"""An engine that talks to a server of bytes through the real client."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "llm"))

from llm_raw_server import DONE, END, HEAD, RawServer, chunk, chunked, sse
from scripted import World

from dsterm.core.config import Config
from dsterm.core.events import Event
from dsterm.engine.engine import Engine
from dsterm.engine.parts import Patience
from dsterm.llm.catalog import load_catalog
from dsterm.llm.openai_chat import OpenAIChat

COUNTS = {
    "prompt_tokens": 1000,
    "completion_tokens": 50,
    "prompt_tokens_details": {"cached_tokens": 640},
    "completion_tokens_details": {"reasoning_tokens": 20},
}


class Wire:
    """`server` plays what a test tells it to."""

    def __init__(self, folder: Path) -> None:
        self.server = RawServer()
        self.world = World(folder)
        self._chats: list[OpenAIChat] = []

    def engine(self, config: Config | None = None, *, url: str = "", **parts: Any) -> Engine:
        card = load_catalog(base_url=url or self.server.url).provider("novita")
        chat = OpenAIChat(card, "sk_test")
        chat.warm()
        self._chats.append(chat)
        return self.world.engine(chat, config, **parts)

    def impatient(self, config: Config | None = None, *, can_ask: bool = True) -> Engine:
        return self.engine(config, can_ask=can_ask, patience=Patience(notice=0.05, every=0.05, offer=0.15))

    def answers(self, text: str = "hello", reasoning: str = "hm", counts: object = COUNTS) -> None:
        """Plays a whole answer."""
        self.server.plays(*answer(text, reasoning, counts))

    @property
    def bodies(self) -> list[bytes]:
        return [received.body for received in self.server.received]

    async def close(self) -> None:
        for chat in self._chats:
            await chat.close()
        await self.server.stop()


def said(**delta: object) -> bytes:
    """A chunk of a stream."""
    return chunked(sse(chunk(**delta)))


def answer(text: str = "hello", reasoning: str = "hm", counts: object = COUNTS) -> list[bytes]:
    """A whole stream: HTTP head, reasoning, text, finish."""
    thoughts = [said(reasoning_content=reasoning)] if reasoning else []
    return [
        HEAD,
        *thoughts,
        said(content=text),
        chunked(sse(chunk("stop", counts, content=""))),
        chunked(sse(DONE)),
        END,
    ]


async def stopped_at(engine: Engine, reached: Callable[[Event], bool]) -> tuple[list[Event], float]:
    """Run a turn that is interrupted at the first event that `reached`; its events, and how long it took to end."""
    events: list[Event] = []
    loop = asyncio.get_running_loop()
    pressed = 0.0
    async for envelope in engine.run("hi"):
        events.append(envelope.event)
        if not pressed and reached(envelope.event):
            pressed = loop.time()
            engine.interrupt()
    assert pressed
    return events, loop.time() - pressed


async def stopped_after(engine: Engine, seconds: float) -> tuple[list[Event], float]:
    """Run a turn that is interrupted after `seconds`; its events, and how long it took to end."""
    loop = asyncio.get_running_loop()
    loop.call_later(seconds, engine.interrupt)
    began = loop.time()
    events = [envelope.event async for envelope in engine.run("hi")]
    return events, loop.time() - began - seconds
