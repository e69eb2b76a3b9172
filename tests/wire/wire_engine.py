"""dsterm's engine and its real client against the demo server, which plays a scenario over a real socket."""

from __future__ import annotations

import asyncio
import itertools
import re
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

sys.path.append(str(Path(__file__).parents[1] / "engine"))

from scripted import World, play
from wire_client import chat_at

from dsterm.core.config import Config
from dsterm.core.events import Event, MessageAdded, StepStarted, TextDelta, ToolEnded, TurnEnded
from dsterm.core.provider import Request
from dsterm.core.wire_events import Intervened, Intervention
from dsterm.demo.leaks import leaked
from dsterm.demo.reply import ReplyCall
from dsterm.demo.scenario import Scenario, Script
from dsterm.demo.server import Circumstances, DemoServer, http_server
from dsterm.demo.tokens import Tokens


@asynccontextmanager
async def demo_playing(*replies: dict) -> AsyncIterator[str]:
    """The address of a demo server in this loop that gives `replies` one after the other, and refuses whatever comes then."""
    listener = socket.create_server(("127.0.0.1", 0))
    ids = (f"id{number}" for number in itertools.count())
    script = Script(msgspec.convert({"replies": replies}, Scenario))
    around = Circumstances(tokens_per_second=0, script=script, now=lambda: 1_800_000_000.0, new_id=lambda: next(ids))
    words = Tokens(lambda: lambda text: len(re.findall(r"\w+|[^\w\s]", text)))
    demo = http_server(DemoServer(around, words).app())
    serving = asyncio.create_task(demo.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        demo.should_exit = demo.force_exit = True
        await serving
        listener.close()


class Recorded:
    """The client, with what it is asked to send."""

    def __init__(self, url: str) -> None:
        self._chat = chat_at(url)
        self.requests: list[Request] = []

    def stream(self, request: Request):
        self.requests.append(request)
        return self._chat.stream(request)

    async def close(self) -> None:
        await self._chat.close()


class Turn:
    """What a turn came to."""

    def __init__(self, events: list[Event], requests: list[Request]) -> None:
        self.events = events
        self.requests = requests

    @property
    def end(self) -> TurnEnded:
        assert isinstance(self.events[-1], TurnEnded)
        return self.events[-1]

    @property
    def did(self) -> list[Intervention]:
        kinds = [event.kind for event in self.events if isinstance(event, Intervened)]
        return [kind for kind in kinds if kind is not Intervention.MODE_NOT_HONOURED]

    @property
    def nudges(self) -> list[str]:
        return [event.nudge for event in self.events if isinstance(event, Intervened) and event.nudge]

    @property
    def shown(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))

    @property
    def messages(self) -> list:
        return [event.message for event in self.events if isinstance(event, MessageAdded)]

    @property
    def results(self) -> list:
        return [event.result for event in self.events if isinstance(event, ToolEnded)]


async def turn_of(folder: Path, *replies: dict, config: Config | None = None) -> Turn:
    """One turn in a folder with `a.txt`; every reply is used, and each request is the one before it with more behind."""
    world = World(folder)
    (world.folder / "a.txt").write_text("alpha\n")
    async with demo_playing(*replies) as url:
        client = Recorded(url)
        engine = world.engine(client, config)  # type: ignore[arg-type]
        try:
            events = await play(engine, "hi")
        finally:
            await engine.close()
    assert len(client.requests) == len(replies)
    assert [event.broke for event in events if isinstance(event, StepStarted)] == [""] * len(replies)
    for earlier, later in itertools.pairwise(client.requests):
        assert later.messages[: len(earlier.messages)] == earlier.messages
    return Turn(events, client.requests)


def markup(spelling: str, name: str = "read", **arguments: object) -> str:
    """A tool call as it leaks into text."""
    return leaked([ReplyCall(name=name, arguments=arguments)], spelling)
