"""dsterm's engine and its real client against the demo server, which plays a scenario over a real socket."""

from __future__ import annotations

import itertools
from pathlib import Path

from llm_raw_server import RawServer
from scripted import World, play
from wire_client import chat_at
from wire_demo import demo_playing

from dsterm.core.config import Config
from dsterm.core.delta_events import TextDelta
from dsterm.core.events import Event, MessageAdded, StepStarted, ToolEnded, TurnEnded
from dsterm.core.provider import Request
from dsterm.core.wire_events import Intervened, Intervention
from dsterm.demo.leaks import leaked
from dsterm.demo.reply import ReplyCall


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


async def raw_turn(folder: Path, server: RawServer, config: Config | None = None) -> Turn:
    """One turn in a folder with `a.txt` against `server`, which keeps what it received."""
    world = World(folder)
    (world.folder / "a.txt").write_text("alpha\n")
    client = Recorded(server.url)
    engine = world.engine(client, config)  # type: ignore[arg-type]
    try:
        events = await play(engine, "hi")
    finally:
        await engine.close()
    return Turn(events, client.requests)


def markup(spelling: str, name: str = "read", **arguments: object) -> str:
    """A tool call as it leaks into text."""
    return leaked([ReplyCall(name=name, arguments=arguments)], spelling)
