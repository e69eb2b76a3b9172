from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from textual import events

from dsterm.tui import trust_page
from dsterm.tui.themes import ThemeShelf
from dsterm.tui.trust_page import TrustApp

DETAILS = ("it has git hooks", "it has settings in .dsterm/config.toml", "it is a git repository")
Compare = Callable[..., bool]


def page(folder: Path = Path("/home/me/projects/flask"), details: Sequence[str] = DETAILS) -> TrustApp:
    return TrustApp(folder, details, ThemeShelf().load("dusk"))


def words(app: TrustApp) -> list[str]:
    rows = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip).rstrip() for strip in rows]


def test_how_it_looks(snap_compare: Compare) -> None:
    assert snap_compare(page(), terminal_size=(80, 24))


@pytest.mark.parametrize(
    ("key", "answer"), [("y", True), ("n", False), ("escape", None), ("ctrl+c", None), ("ctrl+d", None)]
)
async def test_one_key_decides(key: str, answer: bool | None) -> None:
    app = page()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.4)
        await pilot.press(key)
        for _ in range(100):
            if not app.is_running:
                break
            await pilot.pause(0.05)
    assert app.return_value is answer


async def test_what_was_typed_before_the_page_was_there_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust_page, "_DEAF_SECONDS", 60.0)
    app = page()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("y")
        await pilot.pause(0.2)
        assert app.is_running


async def test_enter_other_letters_and_pastes_decide_nothing() -> None:
    app = page()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.4)
        await pilot.press("enter", "space", "1", "a")
        app.screen.post_message(events.Paste("y"))
        for letter in "yes":
            app.screen.post_message(events.Key(letter, letter))
        await pilot.pause(0.2)
        assert app.is_running
        assert "Do you trust what is in this folder?" in "\n".join(words(app))


async def test_the_keys_stay_however_much_there_is() -> None:
    app = page(details=[f"detail {number}" for number in range(60)])
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        text = "\n".join(words(app))
        assert "y    yes, I trust this folder" in text
        assert "either way" not in text
        await pilot.press(*["pagedown"] * 6)
        await pilot.pause()
        assert "either way" in "\n".join(words(app))


async def test_a_folder_can_not_write_the_page() -> None:
    app = page(Path("/x/\x1b]0;owned\x07\nyes, it is safe\u202e[bold]y"), ["\x9b31mred\n   y    yes"])
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        text = "\n".join(words(app))
        assert "␛]0;owned␇ yes, it is safe⟨U+202E⟩[bold]y" in text
        assert "· \ufffd31mred y    yes" in text
