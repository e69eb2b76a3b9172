"""A theme of roles to Textual's variables and to the looks that lines are painted in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from rich.color import Color
from rich.style import Style as Look
from textual.app import App
from textual.theme import Theme as ScreenTheme

from dsterm.core.errors import DstermError
from dsterm.render.style import Style
from dsterm.render.themes import Theme, builtin_theme_folder, load_theme, theme_names
from dsterm.tui.paint import Looks

ResultType = TypeVar("ResultType")
DEFAULT_THEME = "dusk"
_FAINT = 0.35


class ThemeShelf:
    """The themes there are, the user's before the shipped ones, and the one in use."""

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        self._folders = (*folders, builtin_theme_folder())
        self.trouble = ""

    def names(self) -> tuple[str, ...]:
        """All of them, sorted."""
        return theme_names(self._folders)

    def load(self, name: str) -> Theme:
        """The theme called `name`; where it can't be used, the default one, and `trouble` says why."""
        try:
            return load_theme(name, self._folders)
        except DstermError as error:
            self.trouble = str(error)
        return load_theme(DEFAULT_THEME, (builtin_theme_folder(),))

    def find(self, name: str) -> Theme:
        """The theme called `name`; raises DstermError."""
        return load_theme(name, self._folders)


def screen_theme(theme: Theme) -> ScreenTheme:
    """The theme as Textual's widgets read it."""
    text = theme.colours(Style.TEXT).foreground
    dim = theme.colours(Style.DIM).foreground
    accent = theme.colours(Style.ACCENT).foreground
    return ScreenTheme(
        name=f"dsterm-{theme.name}",
        primary=accent,
        secondary=accent,
        accent=accent,
        warning=theme.colours(Style.WARNING).foreground,
        error=theme.colours(Style.ERROR).foreground,
        success=theme.colours(Style.SUCCESS).foreground,
        foreground=text,
        background=theme.background,
        surface=theme.panel,
        panel=theme.panel,
        dark=theme.is_dark,
        variables={
            "dim": dim,
            "faint": _blend(theme.background, dim, _FAINT),
            "selection": theme.selection,
            "focus-line": theme.focus,
            "screen-selection-background": theme.selection,
            "input-selection-background": theme.selection,
            "input-cursor-background": text,
            "input-cursor-foreground": theme.background,
            "block-cursor-background": theme.selection,
            "block-cursor-foreground": text,
            "border": accent,
            "border-blurred": _blend(theme.background, dim, _FAINT),
        },
    )


def adopt(app: App[ResultType], theme: Theme) -> None:
    """Give an app that does not run yet its colours, before its style sheet is read."""
    colours = screen_theme(theme)
    app.register_theme(colours)
    app.set_reactive(App.theme, colours.name)
    app.stylesheet.set_variables(app.get_css_variables())


def line_looks(theme: Theme) -> Looks:
    """The look of every role, each with its background."""
    looks: dict[Style, Look] = {}
    for style in Style:
        colours = theme.colours(style)
        looks[style] = Look(
            color=Color.parse(colours.foreground), bgcolor=Color.parse(colours.background or theme.background)
        )
    return looks


def _blend(under: str, over: str, share: float) -> str:
    """The colour `share` of the way from `under` to `over`."""
    pairs = zip(_channels(under), _channels(over), strict=True)
    return "#" + "".join(f"{round(low + (high - low) * share):02x}" for low, high in pairs)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
