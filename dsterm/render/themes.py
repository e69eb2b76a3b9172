"""Themes: files that give every role its colours, shipped with dsterm or put into the user's folder."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from dsterm.core.errors import SettingsError, UsageError
from dsterm.render.style import Style

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_SUFFIX = ".toml"
_LARGEST = 100_000
# What a theme leaves out takes the colours of a role that it names.
_INSTEAD = {
    Style.REASONING: Style.DIM,
    Style.HEADING: Style.ACCENT,
    Style.QUOTE: Style.DIM,
    Style.LINK: Style.ACCENT,
    Style.CODE: Style.TEXT,
    Style.KEYWORD: Style.ACCENT,
    Style.STRING: Style.SUCCESS,
    Style.COMMENT: Style.DIM,
    Style.NUMBER: Style.WARNING,
    Style.NAME: Style.TEXT,
    Style.FUNCTION: Style.ACCENT,
    Style.TYPE: Style.ACCENT,
    Style.OPERATOR: Style.TEXT,
    Style.ADDED: Style.SUCCESS,
    Style.REMOVED: Style.ERROR,
    Style.ADDED_INLINE: Style.ADDED,
    Style.REMOVED_INLINE: Style.REMOVED,
    Style.RED: Style.ERROR,
    Style.GREEN: Style.SUCCESS,
    Style.YELLOW: Style.WARNING,
    Style.BLUE: Style.ACCENT,
    Style.MAGENTA: Style.KEYWORD,
    Style.CYAN: Style.LINK,
}


class Colours(msgspec.Struct, frozen=True):
    """What a role looks like: `#rrggbb` for the letters, and behind them where that differs from the page."""

    foreground: str
    background: str | None = None


class Theme(msgspec.Struct, frozen=True, kw_only=True):
    """All colours of the screen, each `#rrggbb`; `focus` is behind the line of focus, `panel` behind docks and bars."""

    name: str
    is_dark: bool
    background: str
    panel: str
    selection: str
    focus: str
    styles: dict[Style, Colours]

    def colours(self, style: Style) -> Colours:
        """What `style` looks like; every role has an answer."""
        return self.styles[style]


class _ThemeFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    dark: bool
    background: str
    selection: str
    focus: str
    styles: dict[Style, str]
    panel: str = ""


def builtin_theme_folder() -> Path:
    """Where the shipped themes are: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "themes"
    return inside if inside.is_dir() else package.parent / "themes"


def theme_names(folders: Sequence[Path]) -> tuple[str, ...]:
    """The names of all themes in `folders`, sorted; folders that aren't there hold none."""
    return tuple(sorted(_files(folders)))


def load_theme(name: str, folders: Sequence[Path]) -> Theme:
    """The theme `name` from the first of `folders` that has it.

    UsageError when there is none, SettingsError when its file can't be used.
    """
    files = _files(folders)
    path = files.get(name)
    if path is None:
        raise UsageError(f"There is no theme called {name!r}; choose one of {', '.join(sorted(files))}.")
    try:
        data = path.read_bytes()[: _LARGEST + 1]
        if len(data) > _LARGEST:
            raise SettingsError(f"The theme file {path} is larger than {_LARGEST:,} bytes; use a smaller one.")
        file = msgspec.toml.decode(data, type=_ThemeFile)
    except OSError as error:
        raise SettingsError(f"The theme file {path} can't be read ({error.strerror}); choose another theme.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise SettingsError(
            f"The theme file {path} can't be used: {error}. Correct it or choose another theme."
        ) from error
    return _theme(name, file, path)


def _files(folders: Sequence[Path]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for folder in folders:
        if folder.is_dir():
            for path in sorted(folder.glob(f"*{_SUFFIX}")):
                files.setdefault(path.stem, path)
    return files


def _theme(name: str, file: _ThemeFile, path: Path) -> Theme:
    pages = {"background": file.background, "selection": file.selection, "focus": file.focus}
    pages["panel"] = file.panel or file.background
    for key, colour in pages.items():
        _check(colour, key, path)
    named = {style: _colours(value, style, path) for style, value in file.styles.items()}
    return Theme(name=name, is_dark=file.dark, styles=_completed(named, path), **pages)


def _completed(named: Mapping[Style, Colours], path: Path) -> dict[Style, Colours]:
    styles: dict[Style, Colours] = {}
    for style in Style:
        source = style
        while source not in named:
            if source not in _INSTEAD:
                raise SettingsError(
                    f"The theme file {path} gives no colour for {source.value!r}; add it under [styles]."
                )
            source = _INSTEAD[source]
        styles[style] = named[source]
    return styles


def _colours(value: str, style: Style, path: Path) -> Colours:
    """`#rrggbb`, or `#rrggbb on #rrggbb`."""
    foreground, _, background = value.partition(" on ")
    _check(foreground, style.value, path)
    if background:
        _check(background, style.value, path)
    return Colours(foreground, background or None)


def _check(colour: str, key: str, path: Path) -> None:
    if not _COLOUR.fullmatch(colour):
        raise SettingsError(f"The theme file {path} gives {colour!r} for {key!r}; write a colour as #rrggbb.")
