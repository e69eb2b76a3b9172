"""What a mention brings, as a value."""

from __future__ import annotations

from pathlib import Path

import msgspec

from dsterm.core.mentions import Mention


class Brought(msgspec.Struct, frozen=True, kw_only=True):
    """A mention with its text: `blocks` are data for the model, none where there is a problem.

    `read` are the files whose content it shows, with their bytes. `told` names what is not in the text, in sentences for the
    user. `secrets` are sentences about what must be asked about before anything of it is sent.
    """

    mention: Mention
    blocks: tuple[str, ...] = ()
    read: tuple[tuple[Path, bytes], ...] = ()
    told: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()


def one_line(name: str) -> str:
    """`name`, of a file as a stranger may have called it, as one printable line."""
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in name)
