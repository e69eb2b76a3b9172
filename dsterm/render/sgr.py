"""Colours and attributes that programs ask a terminal for (SGR), as roles and looks of spans.

Backgrounds become the same colour as letters on it, turned round; concealed and blinking text is plain text. So nothing that
a program prints can be made unreadable.
"""

from __future__ import annotations

import colorsys

import msgspec

from dsterm.render.style import Span, Style

_SIXTEEN = (
    Style.DIM, Style.RED, Style.GREEN, Style.YELLOW, Style.BLUE, Style.MAGENTA, Style.CYAN, Style.TEXT,
)  # fmt: skip
_HUES = (Style.RED, Style.YELLOW, Style.GREEN, Style.CYAN, Style.BLUE, Style.MAGENTA)
_GREYISH = 0.18
_DARK = 0.5
_BLACK = 0


class Look(msgspec.Struct, frozen=True, gc=False):
    """What holds for the letters that follow: None is the colour of text."""

    foreground: Style | None = None
    background: Style | None = None
    bold: bool = False
    is_dim: bool = False
    italic: bool = False
    underline: bool = False
    strike: bool = False
    reverse: bool = False

    def span(self, text: str) -> Span:
        """`text` in this look."""
        style = self.foreground or (Style.DIM if self.is_dim else Style.TEXT)
        is_turned = self.background is not None or self.reverse
        if self.background is not None and not self.reverse:
            style = self.background
        return Span(text, style, self.bold, self.italic, self.underline, self.strike, is_turned)


PLAIN = Look()
"""What holds where nothing was asked for."""

_ON: dict[int, dict[str, bool]] = {
    1: {"bold": True},
    2: {"is_dim": True},
    3: {"italic": True},
    4: {"underline": True},
    7: {"reverse": True},
    9: {"strike": True},
    21: {"underline": True},
    22: {"bold": False, "is_dim": False},
    23: {"italic": False},
    24: {"underline": False},
    27: {"reverse": False},
    29: {"strike": False},
}


def changed_look(look: Look, parameters: str) -> Look:
    """`look` after the sequence with these `parameters` (`1;38;5;9`); what isn't known changes nothing."""
    codes = _codes(parameters)
    place = 0
    while place < len(codes):
        code, *details = codes[place]
        place += 1
        if code in {38, 48}:
            if not details:
                details, place = _following(codes, place)
            colour = _extended(details)
            if colour is not None:
                look = _coloured(look, colour, is_background=code == 48)
        elif code == 4 and details:
            look = msgspec.structs.replace(look, underline=details[0] != 0)
        else:
            look = _simple(look, code)
    return look


def _codes(parameters: str) -> list[list[int]]:
    """The numbers between semicolons, each with those that colons tie to it; an empty one is 0."""
    found = []
    for part in parameters.split(";"):
        numbers = [number[:4] for number in part.split(":")]
        if all(not number or (number.isascii() and number.isdecimal()) for number in numbers):
            found.append([int(number or "0") for number in numbers])
    return found


def _following(codes: list[list[int]], place: int) -> tuple[list[int], int]:
    """The numbers that belong to a 38 or 48, and where the next code stands."""
    kind = codes[place][0] if place < len(codes) else 0
    end = min(place + {5: 2, 2: 4}.get(kind, 1), len(codes))
    return [code[0] for code in codes[place:end]], end


def _extended(details: list[int]) -> Style | None:
    match details:
        case [5, number] if number < 256:
            return _indexed(number)
        case [2, red, green, blue] | [2, _, red, green, blue, *_]:
            return _nearest(red, green, blue)
        case _:
            return None


def _indexed(number: int) -> Style:
    if number < 16:
        return _bright(number - 8) if number >= 8 else _SIXTEEN[number]
    if number >= 232:
        return Style.DIM if number < 248 else Style.TEXT
    red, rest = divmod(number - 16, 36)
    green, blue = divmod(rest, 6)
    return _nearest(red * 51, green * 51, blue * 51)


def _nearest(red: int, green: int, blue: int) -> Style:
    hue, lightness, _ = colorsys.rgb_to_hls(*(min(value, 255) / 255 for value in (red, green, blue)))
    if max(red, green, blue) - min(red, green, blue) < _GREYISH * 255:
        return Style.DIM if lightness < _DARK else Style.TEXT
    return _HUES[round(hue * 6) % 6]


def _bright(number: int) -> Style:
    return Style.DIM if number == _BLACK else _SIXTEEN[number]


def _coloured(look: Look, colour: Style, *, is_background: bool) -> Look:
    if is_background:
        return msgspec.structs.replace(look, background=colour)
    return msgspec.structs.replace(look, foreground=colour)


def _simple(look: Look, code: int) -> Look:
    if code == 0:
        return PLAIN
    if code in _ON:
        return msgspec.structs.replace(look, **_ON[code])
    if 30 <= code <= 37:
        return msgspec.structs.replace(look, foreground=_SIXTEEN[code - 30])
    if 90 <= code <= 97:
        return msgspec.structs.replace(look, foreground=_bright(code - 90))
    if code == 39:
        return msgspec.structs.replace(look, foreground=None)
    if 40 <= code <= 47:
        # A black page is what there is already, or nearly so.
        return msgspec.structs.replace(look, background=None if code == 40 else _SIXTEEN[code - 40])
    if 100 <= code <= 107:
        return msgspec.structs.replace(look, background=_bright(code - 100))
    if code == 49:
        return msgspec.structs.replace(look, background=None)
    return look
