from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from textual.pilot import Pilot
from wire_world import HEAD, Wire, said

from dsterm.engine.engine import Engine
from dsterm.tui.app import DstermApp
from dsterm.tui.conversation import ScreenOptions

BUSY = ("429 Too Many Requests", b'{"error": {"message": "Too fast."}}', "retry-after: 30")


class Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


class NoMemory:
    def entries(self) -> list[str]:
        return []

    def add(self, text: str) -> None:
        return


@asynccontextmanager
async def screen(engine: Engine) -> AsyncIterator[tuple[DstermApp, Pilot[int]]]:
    options = ScreenOptions(clock=Clock(), history=NoMemory(), log_crash=str, zone=UTC)
    app = DstermApp(engine, options)
    async with app.run_test(size=(80, 24)) as pilot:
        yield app, pilot
    await engine.close()


def rows(app: DstermApp) -> str:
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


async def until(app: DstermApp, pilot: Pilot[int], is_so: Callable[[str], bool]) -> str:
    while not is_so(seen := rows(app)):
        await pilot.pause(0.03)
    return seen


async def send(app: DstermApp, pilot: Pilot[int], text: str) -> None:
    app.composer.set_draft(text)
    await pilot.press("enter")


async def test_the_wait_for_the_next_try_is_counted_down_and_esc_ends_it(wire: Wire) -> None:
    wire.server.answers(*BUSY)
    async with screen(wire.engine()) as (app, pilot):
        await send(app, pilot, "hi")
        seen = await until(app, pilot, lambda text: "trying again in" in text)
        assert "trying again in 30 s (1 of 4): Novita AI" in seen
        await until(app, pilot, lambda text: "trying again in 29 s" in text)
        await pilot.press("escape")
        seen = await until(app, pilot, lambda text: "○ stopped" in text)
        assert "↻ retry: Novita AI" in seen
        assert "trying again" not in seen
        assert len(wire.server.received) == 1


async def test_who_is_tired_of_silence_has_it_tried_again(wire: Wire) -> None:
    wire.server.plays(HEAD, said(content="half"), 60.0)
    wire.answers("the whole answer")
    async with screen(wire.impatient()) as (app, pilot):
        await send(app, pilot, "hi")
        await until(app, pilot, lambda text: "r try again · w keep waiting" in text.replace("\u00a0", " "))
        while not app.dock.has_focus:
            await pilot.pause(0.03)
        assert "nothing from Novita AI for" in rows(app)
        await pilot.press("r")
        seen = await until(app, pilot, lambda text: "the whole answer" in text)
        assert "↻ retry: You had it tried again" in seen
        assert not app.dock.display


@pytest.mark.parametrize("way", ["enter", "/answer"])
async def test_a_turn_stopped_in_mid_reasoning_is_answered_at_a_key(wire: Wire, way: str) -> None:
    wire.server.plays(HEAD, said(reasoning_content="It may be forty-two. "), 60.0)
    wire.answers("Forty-two.", reasoning="")
    async with screen(wire.engine()) as (app, pilot):
        await send(app, pilot, "hi")
        await until(app, pilot, lambda text: "forty-two" in text)
        await pilot.press("escape")
        seen = await until(app, pilot, lambda text: "Enter: answer now in Non-think · ~$0.00" in text)
        assert ", estimate)" in seen
        await (pilot.press("enter") if way == "enter" else send(app, pilot, way))
        seen = await until(app, pilot, lambda text: "Forty-two." in text and "working" not in text)
        assert "Enter: answer now" not in seen
        assert wire.server.received[-1].json["enable_thinking"] is False
        assert "  Think  " in seen.split("\n")[-1]


async def test_a_prompt_with_a_key_that_is_not_to_be_sent_is_a_draft_again(wire: Wire) -> None:
    prompt = "why is sk_0123456789abcdefghijklmnopqrstuv refused?"
    async with screen(wire.engine()) as (app, pilot):
        await send(app, pilot, prompt)
        await until(app, pilot, lambda text: "It has not been sent or stored. Send it?" in text.replace("\n▌ ", " "))
        while not app.dock.has_focus:
            await pilot.pause(0.03)
        await pilot.press("n")
        await until(app, pilot, lambda text: "✗ failed: Not sent" in text)
        await pilot.pause()
        assert app.composer.text == prompt
        assert wire.server.received == []
