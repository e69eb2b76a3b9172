from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from screen_fakes import FakeConversation, options
from screen_pilot import Start
from textual.pilot import Pilot

from dsterm.tui.app import DstermApp


@pytest.fixture
def start(tmp_path: Path) -> Start:
    @asynccontextmanager
    async def running(
        conversation: FakeConversation, *, size: tuple[int, int] = (80, 24), **more: object
    ) -> AsyncIterator[tuple[DstermApp, Pilot[int]]]:
        app = DstermApp(conversation, options(tmp_path, conversation, **more))
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            yield app, pilot

    return running
