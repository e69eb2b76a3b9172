r"""Output of commands as lines: colours are understood, everything else that a terminal would act on is taken away or shown.

Understood are SGR, `\r` (the line is written over), backspace, tabs and "erase in line". Other complete escape sequences go;
what is none, or never ends, stays as visible symbols. Work is in proportion to the text, whatever it holds.
"""

from __future__ import annotations

import re
from collections import deque
from itertools import groupby

from dsterm.render.clean import clean_code
from dsterm.render.sgr import PLAIN, Look, changed_look
from dsterm.render.style import Span

SpanLine = tuple[Span, ...]

LONGEST = 20_000
"""Characters of a line that are kept."""

_TAB = 8
_LONGEST_STRING = 4096
_CONTROL = r"\x00-\x08\x0a-\x1f\x7f-\x9f"
_SEQUENCES = re.compile(
    # Possessive counts and bodies without controls: no start is looked at twice, none further than the limits.
    rf"(?:\x1b\[|\x9b)(?P<parameters>[0-?]{{0,64}}+)[ -/]{{0,4}}+(?:(?P<final>[@-~])|(?P<open_csi>\Z))"
    rf"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^{_CONTROL}]{{0,{_LONGEST_STRING}}}+"
    r"(?:\x07|\x1b\\|\x9c|(?P<open_string>\x1b?\Z))"
    r"|\x1b[ -/]{1,4}+(?:[0-~]|(?P<open_charset>\Z))"
    r"|\x1b(?:[0-OQ-WYZ\\`-~]|(?P<open>\Z))"
    r"|[\x84\x85\x88\x8d-\x8f\x96\x97\x9a\x9c]"
    r"|(?P<control>[\n\r\x08\t])"
)
_OPEN = ("open_csi", "open_string", "open_charset", "open")


class AnsiText:
    """Growing output. `lines` are the last `kept` lines, or all where that is None; `total` counts all there were."""

    def __init__(self, kept: int | None = None) -> None:
        self._done: deque[SpanLine] = deque(maxlen=kept)
        self._held = ""
        self._look = PLAIN
        self._characters: list[str] = []
        self._looks: list[Look] = []
        self._column = 0
        self._ended = 0

    @property
    def lines(self) -> list[SpanLine]:
        """The lines, the one that still grows last; an empty one isn't counted."""
        return [*self._done, self._current()] if self._characters else list(self._done)

    @property
    def total(self) -> int:
        """How many lines there were in all."""
        return self._ended + bool(self._characters)

    def feed(self, text: str) -> None:
        """More output; a sequence that is not complete yet waits for the rest."""
        text = self._held + text
        self._held = ""
        place = 0
        for match in _SEQUENCES.finditer(text):
            if match.start() > place:
                self._write(clean_code(text[place : match.start()]))
            place = match.end()
            if match.lastgroup in _OPEN:
                self._held = match.group()
            elif match["control"]:
                self._control(match["control"])
            elif match["final"] == "m":
                if match["parameters"][:1] not in {"<", "=", ">", "?"}:
                    self._look = changed_look(self._look, match["parameters"])
            elif match["final"] == "K":
                self._erase(match["parameters"])
        if place < len(text):
            self._write(clean_code(text[place:]))

    def finish(self) -> None:
        """No more comes: what was held back is shown."""
        held, self._held = self._held, ""
        if held:
            self._write(clean_code(held).replace("\t", " "))

    def _control(self, control: str) -> None:
        match control:
            case "\n":
                self._done.append(self._current())
                self._ended += 1
                self._characters.clear()
                self._looks.clear()
                self._column = 0
            case "\r":
                self._column = 0
            case "\b":
                self._column = max(0, self._column - 1)
            case _:
                self._tab()

    def _tab(self) -> None:
        stop = (self._column // _TAB + 1) * _TAB
        if stop > len(self._characters):
            self._column = len(self._characters)
            self._write(" " * (stop - self._column))
        self._column = min(stop, len(self._characters))

    def _write(self, text: str) -> None:
        text = text[: max(0, LONGEST - self._column)]
        end = self._column + len(text)
        self._characters[self._column : end] = text
        self._looks[self._column : end] = [self._look] * len(text)
        self._column = end

    def _erase(self, parameters: str) -> None:
        """What follows on the line, or all of it; anything dearer would not stay in proportion."""
        if parameters == "2":
            self._column = 0
        if parameters in {"", "0", "2"}:
            del self._characters[self._column :], self._looks[self._column :]

    def _current(self) -> SpanLine:
        text = "".join(self._characters)
        spans: list[Span] = []
        place = 0
        for look, same in groupby(self._looks):
            size = sum(1 for _ in same)
            spans.append(look.span(text[place : place + size]))
            place += size
        return tuple(spans)


def parse_output(text: str) -> list[SpanLine]:
    """All lines of a finished output."""
    parsed = AnsiText()
    parsed.feed(text)
    parsed.finish()
    return parsed.lines


def plain_output(text: str) -> str:
    """The words of a finished output, for copying."""
    return "\n".join("".join(span.text for span in line).rstrip(" ") for line in parse_output(text))
