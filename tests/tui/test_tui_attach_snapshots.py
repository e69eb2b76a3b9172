from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from screen_fakes import FakeConversation, options
from screen_pilot import screen_text
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot

from dsterm.tui.app import DstermApp
from dsterm.tui.attach.screen import AttachScreen

SIZES = {"small": (80, 24), "large": (140, 45)}


def app(folder: Path, *, room: int = 900_000) -> DstermApp:
    conversation = FakeConversation()
    conversation.attachments.room = room
    return DstermApp(conversation, options(folder, conversation))


async def chosen(pilot: Pilot[int]) -> None:
    """Some of everything: a file left out, an outline, a name, a submodule in sight."""
    await pilot.press("f5")
    await pilot.pause()
    page = pilot.app.screen
    assert isinstance(page, AttachScreen)
    await page.workers.wait_for_complete(worker for worker in page.workers if worker.node is page)
    await pilot.press("down", "right", "down", "space", "down", "o", "down", "right", "down", "down", "down", "l")
    await page.workers.wait_for_complete(worker for worker in page.workers if worker.node is page)
    await pilot.press("end", "up", "up", "up", "up", "right")
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES)
def test_how_the_attach_screen_looks(snap_compare: Callable[..., bool], tmp_path: Path, size: str) -> None:
    assert snap_compare(app(tmp_path), run_before=chosen, terminal_size=SIZES[size])


async def test_the_words_of_what_does_not_fit(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    screen = app(tmp_path, room=30_000)
    async with screen.run_test(size=SIZES["small"]) as pilot:
        await chosen(pilot)
        assert "\n".join(screen_text(screen)) == snapshot
