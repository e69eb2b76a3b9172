"""What the screen writes to a terminal: Textual's driver with a list in place of the terminal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from textual.drivers import headless_driver

ESCAPES = re.compile(
    r"\x1b\[[0-9;:]*m"  # colours
    r"|\x1b\[[0-9]+;[0-9]+H"  # the cursor's place
    r"|\x1b\[\?(?:25|1000|1003|1006|1015|1049|2004|2026|2048)[hl]"  # modes that Textual sets
    r"|\x1b\]22;[a-z-]*\x07"  # the pointer's shape
    r"|\x1b\[22;0t\x1b\]0;[^\x00-\x1f\x7f-\x9f]*\x07|\x1b\[23;0t"  # the window's title
)
HIDDEN = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u200e\u200f\ufeff")

PAYLOADS = (
    "\x1b]52;c;UFdORUQ=\x07",
    "\x1b]0;PWNED\x1b\\",
    "\x1b[1337;7mP\x1b[2J",
    "\x9b1337mP",
    "\x9d52;c;UFdORUQ=\x9c",
    "\x1bP1337P\x1b\\",
    "\x1b_PWNED\x1b\\",
    "\r\x08\x07\x00\x7f\x85\x0b\x0c\x0e",
    "\u202eP\u2066P\u200b",
    "\x1b[",
)
HOSTILE = "begin" + "".join(PAYLOADS) + "\x1b]52;c;endless"


class Recorder:
    """Everything that was written."""

    def __init__(self) -> None:
        self.pieces: list[str] = []

    @property
    def written(self) -> str:
        return "".join(self.pieces)

    def check(self) -> None:
        """Nothing but text and Textual's own few sequences."""
        rest = ESCAPES.sub("", self.written)
        bad = sorted({hex(ord(each)) for each in rest if unicodedata.category(each) == "Cc" and each != "\n"})
        place = next((at for at, each in enumerate(rest) if unicodedata.category(each) == "Cc" and each != "\n"), 0)
        assert not bad, (bad, rest[max(0, place - 80) : place + 80])
        assert not HIDDEN & set(rest)
        assert not any(each in self.written for each in ("\x1b[1337", "\x1b]0;PWNED", "\x1b]52", "\x1b[2J"))


@contextmanager
def recording(patch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """Apps started in here with `run_test` write to the recorder as they would to a terminal."""
    recorder = Recorder()

    class RecordingDriver(headless_driver.HeadlessDriver):
        @property
        def is_headless(self) -> bool:
            return False

        def write(self, data: str) -> None:
            recorder.pieces.append(data)

    with patch.context() as patched:
        patched.setattr(headless_driver, "HeadlessDriver", RecordingDriver)
        yield recorder
