from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from command_world import CommandWorld
from scripted import OPEN_WORLDS


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
