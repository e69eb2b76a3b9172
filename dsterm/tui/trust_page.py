"""The first start in a folder: does the user trust it? One page, one key."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from dsterm.render.clean import clean_code, clean_line
from dsterm.render.themes import Theme
from dsterm.render.wrap import wrap_text
from dsterm.tui.letter_hold import LetterHold
from dsterm.tui.themes import adopt

_MEANS = (
    (
        "with trust",
        "dsterm reads the project's own settings, which can only tighten yours, the model follows its AGENTS.md, "
        "git is asked what has changed, and /commit may run the project's hooks.",
    ),
    ("without", "None of that is read. Files, search, edits and commands work all the same, as you allow them."),
    ("either way", "Trust is no permission to run anything: your permission mode decides that, here as anywhere."),
)
_KEYS = (
    ("y", "yes, I trust this folder; it is remembered"),
    ("n", "no, go on without"),
    ("Esc", "leave"),
)
_LABEL = 12
_WIDTH = 72
_DEAF_SECONDS = 0.25
_STANDING = 7
"""Rows that don't scroll: margins, title, keys."""


class TrustScreen(Screen[None], inherit_bindings=False):
    """What is asked, what is there, what it means, the keys."""

    AUTO_FOCUS = ""

    def __init__(self, folder: Path, details: Sequence[str]) -> None:
        super().__init__()
        self._folder = folder
        self._details = details
        self._is_listening = False
        self._hold = LetterHold(self, self._decide)

    def compose(self) -> ComposeResult:
        """The page; what a long list of details leaves no room for scrolls, the keys stay."""
        with Vertical(id="trust"):
            yield Static(
                Content.assemble(Content.styled("dsterm", "bold $accent"), " · you are here for the first time")
            )
            with VerticalScroll(id="trust-page", can_focus=False):
                yield Static(self._place(), classes="trust-part")
                yield Static(self._meaning(), classes="trust-part")
            yield Static(self._keys(), classes="trust-keys")

    def _place(self) -> Content:
        lines = [Content("Do you trust what is in this folder?"), Content.styled(_shown(str(self._folder)), "bold")]
        lines += [Content.styled(f"· {_shown(detail)}", "$dim") for detail in self._details]
        return Content("\n").join(lines)

    def _meaning(self) -> Content:
        lines: list[Content] = []
        for label, words in _MEANS:
            first, *others = wrap_text(words, _WIDTH - _LABEL)
            lines.append(Content.assemble(Content.styled(label.ljust(_LABEL), "$dim"), first.text))
            lines += [Content(" " * _LABEL + line.text) for line in others]
        return Content("\n").join(lines)

    def _keys(self) -> Content:
        return Content("\n").join(
            Content.assemble("  ", Content.styled(key.ljust(5), "bold $accent"), words) for key, words in _KEYS
        )

    def on_mount(self) -> None:
        """What was typed before the page was there is no answer to it."""
        self.set_timer(_DEAF_SECONDS, self._listen)

    def _listen(self) -> None:
        self._is_listening = True

    def on_resize(self, event: events.Resize) -> None:
        """The keys keep their room."""
        self.query_one("#trust-page", VerticalScroll).styles.max_height = max(1, event.size.height - _STANDING)

    def on_key(self, event: events.Key) -> None:
        """One key decides; the others scroll or mean nothing."""
        match event.key:
            case "escape" | "ctrl+c" | "ctrl+d":
                self.app.exit(None)
            case "down" | "pagedown" | "up" | "pageup":
                self._scroll(event.key)
            case key if self._is_listening and event.is_printable:
                self._hold.put(key, event.time, is_meant=key in {"y", "n"})
            case _:
                return
        event.stop()

    def _decide(self, letter: str) -> None:
        if letter:
            self.app.exit(letter == "y")

    def _scroll(self, key: str) -> None:
        page = self.query_one("#trust-page", VerticalScroll)
        rows = max(1, page.size.height - 1) if key.startswith("page") else 1
        page.scroll_relative(y=rows if key.endswith("down") else -rows, animate=False)


class TrustApp(App[bool], inherit_bindings=False):
    """Shows the page and returns the answer; None when the user left."""

    CSS_PATH = "dsterm.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+q", "noop", show=False)]

    def __init__(self, folder: Path, details: Sequence[str], theme: Theme) -> None:
        super().__init__()
        self._folder = folder
        self._details = tuple(details)
        adopt(self, theme)

    def get_default_screen(self) -> Screen[None]:
        """The one page."""
        return TrustScreen(self._folder, self._details)


def run_trust_page(folder: Path, details: Sequence[str], theme: Theme) -> bool | None:
    """Ask whether `folder` is trusted, saying what is in it (`details`); None when the user would rather leave."""
    return TrustApp(folder, details, theme).run()


def _shown(text: str) -> str:
    return clean_code(clean_line(text))
