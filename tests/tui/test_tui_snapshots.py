from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from screen_fakes import FakeConversation, full_turn, options
from screen_pilot import asked, drawn, screen_text, send, settle
from syrupy.assertion import SnapshotAssertion
from test_tui_welcome import FakeWelcome, welcome_app
from textual.pilot import Pilot

from dsterm.tui.app import DstermApp

SIZES = {"small": (80, 24), "large": (140, 45)}
Compare = Callable[..., bool]


def screen(folder: Path, **more: object) -> DstermApp:
    conversation = FakeConversation(full_turn())
    return DstermApp(conversation, options(folder, conversation, **more))


async def still(app: DstermApp, pilot: Pilot[int]) -> None:
    """Wait until the scrollbar, which follows late, is where it belongs."""
    await drawn(app, pilot)
    while app.view._thumb_timer is not None:
        await pilot.pause(0.05)
    await pilot.pause()


async def ask(pilot: Pilot[int]) -> None:
    app = pilot.app
    assert isinstance(app, DstermApp)
    await pilot.pause()
    await send(pilot, app, "why does test_expired fail? fix it")
    await asked(app, pilot)


async def finish(pilot: Pilot[int]) -> None:
    await ask(pilot)
    app = pilot.app
    assert isinstance(app, DstermApp)
    await pilot.press("y")
    await settle(app, pilot)
    await still(app, pilot)


async def complete(pilot: Pilot[int]) -> None:
    await finish(pilot)
    app = pilot.app
    assert isinstance(app, DstermApp)
    await pilot.press("f2")
    await settle(app, pilot)
    await pilot.press("/", "m")
    await still(app, pilot)


@pytest.mark.parametrize("size", SIZES)
def test_a_question_is_docked_under_the_transcript(snap_compare: Compare, tmp_path: Path, size: str) -> None:
    assert snap_compare(screen(tmp_path), run_before=ask, terminal_size=SIZES[size])


@pytest.mark.parametrize("size", SIZES)
def test_a_finished_turn_with_completion_open(snap_compare: Compare, tmp_path: Path, size: str) -> None:
    assert snap_compare(screen(tmp_path), run_before=complete, terminal_size=SIZES[size])


def test_the_light_theme(snap_compare: Compare, tmp_path: Path) -> None:
    assert snap_compare(screen(tmp_path, theme="paper"), run_before=finish, terminal_size=SIZES["small"])


def test_the_first_start(snap_compare: Compare) -> None:
    assert snap_compare(welcome_app(FakeWelcome()), terminal_size=SIZES["small"])


@pytest.mark.parametrize("size", SIZES)
async def test_the_words_of_a_finished_turn(tmp_path: Path, size: str, snapshot: SnapshotAssertion) -> None:
    app = screen(tmp_path)
    async with app.run_test(size=SIZES[size]) as pilot:
        await finish(pilot)
        await pilot.press("ctrl+home")
        await pilot.pause()
        assert "\n".join(screen_text(app)) == snapshot


@pytest.mark.parametrize("size", SIZES)
async def test_the_words_of_an_empty_session(tmp_path: Path, size: str, snapshot: SnapshotAssertion) -> None:
    app = screen(tmp_path)
    async with app.run_test(size=SIZES[size]) as pilot:
        await pilot.pause()
        assert "\n".join(screen_text(app)) == snapshot


async def test_without_colour_everything_is_still_said(
    tmp_path: Path, snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = screen(tmp_path)
    async with app.run_test(size=SIZES["small"]) as pilot:
        await ask(pilot)
        styles = {
            segment.style for strip in app.screen._compositor.render_strips() for segment in strip if segment.style
        }
        assert all(
            style.color is None or style.color.get_truecolor().red == style.color.get_truecolor().blue
            for style in styles
        )
        assert "\n".join(screen_text(app)) == snapshot
