"""Nothing but text reaches a screen: controls become visible symbols, invisible characters become visible marks.

Everything that a model, a file, a tool or a server says goes through here before it is drawn.
"""

from __future__ import annotations

import re

_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff"
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_INVISIBLE = (
    "\u00ad\u115f\u1160\u180e\u200b\u2028\u2029\u2060-\u2065\u206a-\u206f\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff9-\ufffb"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# Joiners belong to Persian, to Indic scripts and to emoji; after ASCII or alone they can only hide something.
_IN_PROSE = re.compile(rf"\r\n|[{_CONTROLS}{_BIDI}{_INVISIBLE}]|(?<![^\x00-\x7f])[\u200c\u200d]")
_IN_CODE = re.compile(rf"\r\n|[{_CONTROLS}{_BIDI}{_INVISIBLE}\u200c\u200d]")
_BREAKS = re.compile(r"\s*\n\s*|\t")


def clean(text: str) -> str:
    r"""`text` made safe to draw: `\n` and `\t` stay, `\r\n` becomes `\n`, everything invisible or unsafe becomes visible.

    Other C0 controls and DEL become their symbols (`␛`), C1 controls and lone surrogates `�`, bidirectional controls and
    zero-width characters their number (`⟨U+202E⟩`).
    """
    return _IN_PROSE.sub(_visible, text) if _IN_PROSE.search(text) else text


def clean_code(text: str) -> str:
    """Like `clean`, but for code, paths and commands: joiners are marked wherever they stand."""
    return _IN_CODE.sub(_visible, text) if _IN_CODE.search(text) else text


def clean_line(text: str) -> str:
    """`text` as one clean line: each newline with the blanks round it, and each tab, becomes a space."""
    cleaned = clean(text)
    return _BREAKS.sub(" ", cleaned) if "\n" in cleaned or "\t" in cleaned else cleaned


class StreamCleaner:
    """Cleans text that comes in pieces, so that the pieces together read as `clean` of the whole."""

    __slots__ = ("_held", "_previous")

    def __init__(self) -> None:
        self._held = ""
        self._previous = ""

    def feed(self, piece: str) -> str:
        """The clean text that `piece` adds; a trailing carriage return waits for what follows it."""
        text = self._held + piece
        self._held = "\r" if text.endswith("\r") else ""
        if self._held:
            text = text[:-1]
        return self._clean_after(text)

    def finish(self) -> str:
        """What is left when no more comes."""
        held, self._held = self._held, ""
        return self._clean_after(held)

    def _clean_after(self, text: str) -> str:
        if not text:
            return ""
        # The character before decides what a joiner at the start of this piece is for.
        before, self._previous = self._previous, text[-1]
        return clean(before + text)[len(clean(before)) :]


def _visible(match: re.Match[str]) -> str:
    found = match.group()
    if found == "\r\n":
        return "\n"
    code = ord(found)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if code < 0xA0 or 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    return f"⟨U+{code:04X}⟩"
