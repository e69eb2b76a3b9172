r"""What the terminal needs beyond Textual: key codes it decodes wrongly or late, the window's title, mouse reports on and off.

`ESC CR` (Alt+Enter, and what many terminals are set to send for Shift+Enter) would arrive as a plain Enter and send the
prompt; xterm's `CSI 27;2;13~` arrives as a key called `shift+\\r`; Alt+letter is told from Esc and a letter only after a
wait, and as `^` and the letter when another key follows at once.
"""

from __future__ import annotations

from string import ascii_lowercase
from typing import Protocol, cast

import msgspec
from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS

from dsterm.render.clean import clean_line

_TITLE_LENGTH = 80


class _Named(msgspec.Struct, frozen=True):
    """A key as Textual's table holds it: only its `value` is looked at."""

    value: str


class Writer(Protocol):
    """Where bytes for the terminal go; Textual's drivers are such."""

    def write(self, data: str) -> None:
        """Send `data` as it is."""
        ...

    def flush(self) -> None:
        """Send it now."""
        ...


def patch_key_decoder() -> None:
    """Let Alt+Enter arrive as `alt+enter`, and Alt+letter at once, where Textual knows nothing of the code yet."""
    decoder = cast("dict[str, tuple[object, ...]]", ANSI_SEQUENCES_KEYS)
    decoder["\x1b\r"] = (_Named("alt+enter"),)
    for letter in ascii_lowercase:
        decoder.setdefault(f"\x1b{letter}", (_Named(f"alt+{letter}"),))


def normal_key(event: events.Key) -> events.Key:
    """The event with a key name that bindings can use."""
    if event.key.endswith("+\r"):
        return events.Key(event.key.removesuffix("\r") + "enter", None)
    return event


def set_title(writer: Writer, title: str) -> None:
    """Show `title` on the terminal's window, keeping the one it had for `restore_title`."""
    writer.write(f"\x1b[22;0t\x1b]0;{clean_line(title)[:_TITLE_LENGTH]}\x07")
    writer.flush()


def restore_title(writer: Writer) -> None:
    """Give the window back the title it had."""
    writer.write("\x1b[23;0t")
    writer.flush()


def report_mouse(writer: Writer, *, is_on: bool) -> None:
    """Ask the terminal to send mouse events, or to keep the mouse for its own selection."""
    letter = "h" if is_on else "l"
    writer.write("".join(f"\x1b[?{mode}{letter}" for mode in (1000, 1003, 1015, 1006)))
    writer.flush()
