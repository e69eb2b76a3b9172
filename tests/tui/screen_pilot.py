"""Steps that tests of the screen share: start it, send, wait until something is drawn, read it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from textual.pilot import Pilot

from dsterm.tui.app import DstermApp

Running = AbstractAsyncContextManager[tuple[DstermApp, Pilot[int]]]
Start = Callable[..., Running]


async def settle(app: DstermApp, pilot: Pilot[int]) -> None:
    """Wait until nothing runs and what is shown is drawn."""
    while app.turns.is_busy:
        await pilot.pause(0.02)
    await drawn(app, pilot)


async def drawn(app: DstermApp, pilot: Pilot[int]) -> None:
    while app.view.is_waiting:
        await pilot.pause(0.02)
    await pilot.pause()


async def send(pilot: Pilot[int], app: DstermApp, text: str) -> None:
    app.composer.set_draft(text)
    await pilot.press("enter")
    await pilot.pause()


async def asked(app: DstermApp, pilot: Pilot[int]) -> None:
    """Wait until a question has the focus."""
    while app.dock.current is None:
        await pilot.pause(0.02)
    app.options.clock.seconds += 1.0  # type: ignore[attr-defined]
    while not app.dock.has_focus:
        await pilot.pause(0.02)
    await drawn(app, pilot)


def screen_text(app: DstermApp) -> list[str]:
    """Every row of the screen as plain text, without the scrollbar."""
    width, height = app.size
    rows = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip)[: width - 1].rstrip() for strip in rows][:height]
