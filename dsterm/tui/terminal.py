r"""What the terminal needs beyond Textual: two key codes it decodes wrongly, the window's title, mouse reports on and off.

`ESC CR` (Alt+Enter, and what many terminals are set to send for Shift+Enter) would arrive as a plain Enter and send the
prompt; xterm's `CSI 27;2;13~` arrives as a key called `shift+\\r`.
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol, cast

from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS

from dsterm.render.clean import clean

_TITLE_LENGTH = 80


class _ExtraKey(Enum):
    """Keys that Textual has no name for."""

    ALT_ENTER = "alt+enter"


class Writer(Protocol):
    """Where bytes for the terminal go; Textual's drivers are such."""

    def write(self, data: str) -> None:
        """Send `data` as it is."""
        ...

    def flush(self) -> None:
        """Send it now."""
        ...


def patch_key_decoder() -> None:
    """Let Alt+Enter arrive as `alt+enter`."""
    decoder = cast("dict[str, tuple[object, ...]]", ANSI_SEQUENCES_KEYS)
    decoder["\x1b\r"] = (_ExtraKey.ALT_ENTER,)


def normal_key(event: events.Key) -> events.Key:
    """The event with a key name that bindings can use."""
    if event.key.endswith("+\r"):
        return events.Key(event.key.removesuffix("\r") + "enter", None)
    return event


def set_title(writer: Writer, title: str) -> None:
    """Show `title` on the terminal's window, keeping the one it had for `restore_title`."""
    one_line = " ".join(clean(title).split())[:_TITLE_LENGTH]
    writer.write(f"\x1b[22;0t\x1b]0;{one_line}\x07")
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
