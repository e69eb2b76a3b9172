from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from command_world import CommandWorld
from scripted import OPEN_WORLDS
from wire_world import Wire


@pytest.fixture(autouse=True)
def closed_worlds() -> Iterator[None]:
    yield
    while OPEN_WORLDS:
        OPEN_WORLDS.pop().close()


@pytest.fixture
async def commands(tmp_path: Path) -> AsyncIterator[CommandWorld]:
    """A world with real commands, whose engines are closed after the test."""
    world = CommandWorld(tmp_path)
    yield world
    await world.close_engines()


@pytest.fixture
async def wire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Wire]:
    """A server that plays bytes, and engines that talk to it through the real client; retries come at once."""
    monkeypatch.setattr("dsterm.llm.retry._FIRST_WAIT", 0.001)
    made = Wire(tmp_path)
    await made.server.start()
    yield made
    await made.close()
