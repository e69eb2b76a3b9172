"""A world whose engine and server count with the V4 vocabulary, and what was forecast there against what was billed."""

from __future__ import annotations

import dataclasses
import itertools
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import cache

import msgspec
from demo_serving import serving
from scripted import World, play
from wire_client import chat_at

from dsterm.core.config import Config
from dsterm.core.events import Event, StepEnded, StepStarted
from dsterm.core.models import Forecast, Usage
from dsterm.demo.scenario import Scenario, Script
from dsterm.demo.server import Circumstances, DemoServer, http_server
from dsterm.demo.tokens import Tokens
from dsterm.engine.engine import Engine
from dsterm.llm.tokens import V4Counter


@cache
def vocabulary() -> V4Counter:
    counter = V4Counter()
    counter.load()
    return counter


@asynccontextmanager
async def counting_server(*replies: dict) -> AsyncIterator[str]:
    """The demo server, its prompts counted by the vocabulary."""
    listener = socket.create_server(("127.0.0.1", 0))
    ids = (f"id{number}" for number in itertools.count())
    script = Script(msgspec.convert({"replies": replies}, Scenario))
    around = Circumstances(tokens_per_second=0, script=script, now=lambda: 1_800_000_000.0, new_id=lambda: next(ids))
    words = Tokens(lambda: vocabulary().count)
    async with serving(http_server(DemoServer(around, words).app()), listener):
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


def counting_engine(world: World, url: str, config: Config | None = None, **more: object) -> Engine:
    """An engine that talks to it, and counts by the vocabulary."""
    made = world.engine(chat_at(url), config or Config(ask_above=Decimal(0)), **more)  # type: ignore[arg-type]
    return Engine(dataclasses.replace(made._parts, counter=vocabulary(), connect=lambda _card: chat_at(url)))


class Checked(msgspec.Struct):
    """One request: what was said of it, what it used, what its prompt was billed."""

    said: Forecast
    used: Usage
    billed: Decimal

    @property
    def token_error(self) -> float:
        return abs(self.said.prompt_tokens - self.used.prompt_tokens) / self.used.prompt_tokens

    @property
    def dollar_error(self) -> float:
        return float(abs(self.said.dollars - self.billed) / self.billed)


def checked(events: list[Event]) -> list[Checked]:
    """The requests among the events."""
    found: list[Checked] = []
    said = None
    for event in events:
        match event:
            case StepStarted(forecast=forecast):
                said = forecast
            case StepEnded(usage=usage, cost=cost):
                found.append(Checked(said, usage, cost.hit + cost.miss))
    return found


async def turn(engine: Engine, prompt: str) -> list[Checked]:
    """The requests of a turn."""
    return checked(await play(engine, prompt))


def sum_error(found: list[Checked]) -> float:
    """How far the dollars that were said of all prompts are from those that were billed."""
    billed = sum(one.billed for one in found)
    return float(abs(sum(one.said.dollars for one in found) - billed) / billed)
