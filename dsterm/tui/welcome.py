"""The first start without a key: paste one, choose another provider, or look round without any."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import ClassVar

import msgspec
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from dsterm.core.errors import DstermError
from dsterm.core.models import ProviderCard
from dsterm.render.clean import clean_line
from dsterm.render.themes import Theme
from dsterm.tui.conversation import Welcome
from dsterm.tui.themes import adopt


class WelcomeKind(StrEnum):
    """What the user wants."""

    KEY = "key"
    DEMO = "demo"
    LEAVE = "leave"


class WelcomeChoice(msgspec.Struct, frozen=True):
    """The outcome of the first start: `provider` is set where a key was saved or none is needed."""

    kind: WelcomeKind
    provider: str = ""
    words: str = ""


_NO_KEY = "That is no API key: it holds blanks or unusual characters. Paste it again."
_FOOT = "The key stays in a file only you can read. Nothing is sent until you ask."


class WelcomeScreen(Screen[None], inherit_bindings=False):
    """One page; each step replaces what stands below its title."""

    AUTO_FOCUS = ""

    def __init__(self, welcome: Welcome) -> None:
        super().__init__()
        self._welcome = welcome
        self._provider: ProviderCard = welcome.providers[0]
        self._choices = Static(markup=False, classes="welcome-choices")
        self._ask = Static(markup=False, classes="welcome-ask")
        self._key = Input(password=True, classes="welcome-key")
        self._said = Static(markup=False, classes="welcome-said")
        self._providers = OptionList(classes="welcome-providers")

    def compose(self) -> ComposeResult:
        """The title, the choices, and what a choice asks for."""
        with Vertical(id="welcome"):
            yield Static(Content.assemble(Content.styled("dsterm", "bold $accent"), " · DeepSeek V4 in your terminal"))
            yield self._choices
            yield self._ask
            yield self._key
            yield self._providers
            yield self._said
            yield Static(Content.styled(_FOOT, "$dim"), classes="welcome-foot")

    def on_mount(self) -> None:
        """Begin with the choices."""
        self._providers.add_options(
            [Option(Content(clean_line(card.title)), id=card.name) for card in self._welcome.providers]
        )
        self._show_choices()

    def _show_choices(self) -> None:
        first = self._welcome.providers[0]
        rows = (
            ("1", f"paste an API key for {clean_line(first.title)}", _address(first.key_page)),
            ("2", "another provider", "DeepSeek, OpenRouter, …"),
            ("3", "look round without a key", "demo: a real server, no model"),
        )
        width = max(len(words) for _, words, _ in rows) + 2
        lines = [
            Content.assemble(
                "  ", Content.styled(key, "bold $accent"), "  ", words.ljust(width), Content.styled(note, "$dim")
            )
            for key, words, note in rows
        ]
        self._choices.update(Content("\n").join(lines))
        self._show_only(self._choices)
        self.set_focus(None)

    def _show_only(self, *shown: Static | Input | OptionList) -> None:
        for widget in (self._choices, self._ask, self._key, self._providers):
            widget.display = widget in shown

    def _ask_key(self, card: ProviderCard) -> None:
        self._provider = card
        where = f"  from {_address(card.key_page)}" if card.key_page else ""
        self._ask.update(
            Content.assemble(
                f"API key for {clean_line(card.title)}", Content.styled(f"{where}   Esc goes back", "$dim")
            )
        )
        self._key.value = ""
        self._show_only(self._ask, self._key)
        self._key.focus()

    def on_key(self, event: events.Key) -> None:
        """Digits choose, Esc goes back, Ctrl+C and Ctrl+D leave."""
        if event.key in {"ctrl+c", "ctrl+d"} or (event.key in {"escape", "q"} and self._choices.display):
            self._end(WelcomeChoice(WelcomeKind.LEAVE))
        elif event.key == "escape":
            self._said.update("")
            self._show_choices()
        elif self._choices.display and event.key in {"1", "2", "3"}:
            self._choose(event.key)
        else:
            return
        event.stop()

    def _choose(self, key: str) -> None:
        match key:
            case "1":
                self._ask_key(self._welcome.providers[0])
            case "2":
                self._show_only(self._providers)
                self._providers.highlighted = 0
                self._providers.focus()
            case _:
                self._welcome.choose_demo()
                self._end(WelcomeChoice(WelcomeKind.DEMO))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """A provider was chosen."""
        event.stop()
        card = self._welcome.providers[event.option_index]
        if card.needs_key:
            self._ask_key(card)
        else:
            self._end(WelcomeChoice(WelcomeKind.KEY, card.name))

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        """A key was pasted; it is never shown."""
        event.stop()
        key = event.value.strip()
        if not key:
            return
        if not (key.isascii() and key.isprintable()) or " " in key:
            self._said.update(Content.styled(_NO_KEY, "$warning"))
            return
        try:
            words = await asyncio.to_thread(self._welcome.save_key, self._provider.name, key)
        except DstermError as error:
            self._said.update(Content.styled(clean_line(str(error)), "$error"))
            return
        self._end(WelcomeChoice(WelcomeKind.KEY, self._provider.name, words))

    def _end(self, choice: WelcomeChoice) -> None:
        self.app.exit(choice)


def _address(page: str) -> str:
    """The page as people read it, so that the line fits 80 columns."""
    return clean_line(page).removeprefix("https://")


class WelcomeApp(App[WelcomeChoice], inherit_bindings=False):
    """Shows the first page and returns the choice."""

    CSS_PATH = "dsterm.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+q", "noop", show=False)]

    def __init__(self, welcome: Welcome, theme: Theme) -> None:
        super().__init__()
        self._welcome = welcome
        adopt(self, theme)

    def get_default_screen(self) -> Screen[None]:
        """The one page."""
        return WelcomeScreen(self._welcome)


def run_welcome(welcome: Welcome, theme: Theme, *, mouse: bool = True) -> WelcomeChoice:
    """Show the first page and return what the user chose."""
    return WelcomeApp(welcome, theme).run(mouse=mouse) or WelcomeChoice(WelcomeKind.LEAVE)
