from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from textual.pilot import Pilot

from dsterm.core.errors import DiskError
from dsterm.core.models import ProviderCard
from dsterm.tui.themes import ThemeShelf
from dsterm.tui.welcome import WelcomeApp, WelcomeChoice, WelcomeKind

NOVITA = ProviderCard(name="novita", title="Novita AI", base_url="https://x", key_page="novita.ai/settings")
LOCAL = ProviderCard(name="local", title="Local server", base_url="http://x", needs_key=False)


class FakeWelcome:
    def __init__(self) -> None:
        self.saved: list[tuple[str, str]] = []
        self.demos = 0
        self.failure: DiskError | None = None

    @property
    def providers(self) -> Sequence[ProviderCard]:
        return (NOVITA, LOCAL)

    def save_key(self, provider: str, key: str) -> str:
        if self.failure is not None:
            raise self.failure
        self.saved.append((provider, key))
        return "The key is in the keyring."

    def choose_demo(self) -> None:
        self.demos += 1


def welcome_app(welcome: FakeWelcome) -> WelcomeApp:
    return WelcomeApp(welcome, ThemeShelf().load("dusk"))


def text_of(pilot: Pilot[WelcomeChoice]) -> str:
    rows = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in rows)


async def test_the_first_page_offers_three_ways() -> None:
    app = welcome_app(FakeWelcome())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        text = text_of(pilot)
        assert "1  paste an API key for Novita AI" in text
        assert "3  look round without a key" in text
        assert "Nothing is sent until you ask." in text


async def test_a_pasted_key_is_saved_and_never_shown() -> None:
    welcome = FakeWelcome()
    app = welcome_app(welcome)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("1", *"sk-abc")
        await pilot.pause()
        assert "sk-abc" not in text_of(pilot)
        await pilot.press("enter")
        await pilot.pause(0.2)
    assert welcome.saved == [("novita", "sk-abc")]
    assert app.return_value == WelcomeChoice(WelcomeKind.KEY, "novita", "The key is in the keyring.")


async def test_something_that_is_no_key_is_refused_with_a_sentence() -> None:
    welcome = FakeWelcome()
    app = welcome_app(welcome)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("1", *"not a key", "enter")
        await pilot.pause()
        assert "That is no API key" in text_of(pilot)
        await pilot.press("escape")
        await pilot.pause()
        assert "1  paste an API key" in text_of(pilot)
    assert welcome.saved == []


async def test_a_key_that_can_not_be_kept_is_said() -> None:
    welcome = FakeWelcome()
    welcome.failure = DiskError("The key can't be written.")
    app = welcome_app(welcome)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("1", "k", "enter")
        await pilot.pause(0.2)
        assert "The key can't be written." in text_of(pilot)


async def test_another_provider_that_needs_no_key_is_chosen_at_once() -> None:
    app = welcome_app(FakeWelcome())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("2")
        await pilot.pause()
        await pilot.press("down", "enter")
        await pilot.pause()
    assert app.return_value == WelcomeChoice(WelcomeKind.KEY, "local")


async def test_the_demo_and_leaving_are_one_key() -> None:
    for key, kind in (("3", WelcomeKind.DEMO), ("escape", WelcomeKind.LEAVE), ("ctrl+c", WelcomeKind.LEAVE)):
        welcome = FakeWelcome()
        app = welcome_app(welcome)
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press(key)
            await pilot.pause()
        assert app.return_value is not None
        assert app.return_value.kind is kind
        assert welcome.demos == (kind is WelcomeKind.DEMO)


def test_the_style_sheet_is_beside_the_code() -> None:
    import dsterm.tui

    assert (Path(dsterm.tui.__file__).parent / "dsterm.tcss").is_file()


async def test_the_first_page_fits_80_columns_with_a_long_address() -> None:
    class LongWelcome(FakeWelcome):
        @property
        def providers(self) -> Sequence[ProviderCard]:
            return (msgspec.structs.replace(NOVITA, key_page="https://novita.ai/settings/key-management"), LOCAL)

    app = welcome_app(LongWelcome())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        row = next(row for row in text_of(pilot).splitlines() if "paste an API key" in row)
        assert "novita.ai/settings/key-management" in row
