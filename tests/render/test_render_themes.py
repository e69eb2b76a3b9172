from __future__ import annotations

from pathlib import Path

import pytest

from dsterm.core.errors import SettingsError, UsageError
from dsterm.render.style import Style
from dsterm.render.themes import Theme, builtin_theme_folder, load_theme, theme_names

BUILTIN = [builtin_theme_folder()]
SMALL = (
    'dark = true\nbackground = "#000000"\nselection = "#333333"\nfocus = "#111111"\n[styles]\ntext = "#ffffff"\n'
    'dim = "#bbbbbb"\naccent = "#99ccff"\nwarning = "#ffcc66"\nerror = "#ff9999"\nsuccess = "#99ff99 on #001100"\n'
)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_three_themes_are_shipped() -> None:
    assert {"dusk", "paper", "contrast"} <= set(theme_names(BUILTIN))
    assert load_theme("dusk", BUILTIN).is_dark
    assert not load_theme("paper", BUILTIN).is_dark


@pytest.mark.parametrize("name", theme_names(BUILTIN))
def test_every_role_can_be_read_on_every_page(name: str) -> None:
    theme = load_theme(name, BUILTIN)
    for style in Style:
        colours = theme.colours(style)
        for page in [colours.background] if colours.background else [theme.background, theme.panel, theme.focus]:
            assert contrast(colours.foreground, page) >= 4.5, (style, page)
    assert contrast(theme.colours(Style.TEXT).foreground, theme.selection) >= 4.5


@pytest.mark.parametrize("name", theme_names(BUILTIN))
def test_syntax_can_be_read_on_the_background_of_code(name: str) -> None:
    theme = load_theme(name, BUILTIN)
    page = theme.colours(Style.CODE).background or theme.background
    for style in Style:
        if theme.colours(style).background is None:
            assert contrast(theme.colours(style).foreground, page) >= 4.5, style


def small(folder: Path, text: str = SMALL) -> Theme:
    (folder / "mine.toml").write_text(text)
    return load_theme("mine", [folder])


def test_a_theme_may_leave_roles_out(tmp_path: Path) -> None:
    theme = small(tmp_path)
    assert theme.colours(Style.HEADING).foreground == "#99ccff"
    assert theme.colours(Style.ADDED_INLINE).background == "#001100"
    assert theme.panel == "#000000"


def test_the_first_folder_wins(tmp_path: Path) -> None:
    (tmp_path / "dusk.toml").write_text(SMALL)
    assert load_theme("dusk", [tmp_path, *BUILTIN]).background == "#000000"
    assert theme_names([tmp_path / "missing", tmp_path]) == ("dusk",)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("#99ccff", "blue", "'blue' for 'accent'"),
        ("on #001100", "on black", "'black' for 'success'"),
        ('background = "#000000"', 'background = "#000"', "'#000' for 'background'"),
        ('text = "#ffffff"\n', "", "no colour for 'text'"),
        ("accent =", "acent =", "acent"),
        ("dark = true", "dark = 1", "dark"),
        ("[styles]", "[styles", "mine.toml"),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(SettingsError, match=r"mine\.toml") as caught:
        small(tmp_path, SMALL.replace(old, new))
    assert said in str(caught.value)


def test_an_unknown_name_lists_the_choices() -> None:
    with pytest.raises(UsageError, match="dusk"):
        load_theme("../dusk", BUILTIN)
