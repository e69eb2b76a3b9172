"""Standard output for other programs, standard error for people; whoever stops reading one of them is no disaster."""

from __future__ import annotations

import io
import os
import re
import sys
from contextlib import suppress
from typing import TextIO

import msgspec

from dsterm.core.errors import DiskError
from dsterm.core.text import encode_json
from dsterm.render.clean import clean, clean_line

_UNSEEN = re.compile(
    "[\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""What JSON allows but terminals obey or hide."""


def prepare_output(*, is_json: bool) -> None:
    """Make every character writable: JSON is UTF-8, and text in a narrower encoding gets replacement characters."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8" if is_json else None, errors="replace")


def print_answer(text: str) -> None:
    """The answer, safe to show, with one line end; into a pipe too, as that may end at a terminal. Errors as in `print_json`."""
    _print(clean(text).rstrip("\n"))


def print_json(value: msgspec.Struct) -> None:
    """`value` on one line. BrokenPipeError when nobody reads any more, DiskError when it can't be written."""
    text = encode_json(value, msgspec.json.Encoder(decimal_format="number")).decode()
    _print(_UNSEEN.sub(_escaped, text))


def tell(text: str) -> None:
    """One line of diagnostics. Where nobody reads them the run goes on: the answer is still wanted."""
    try:
        print(f"dsterm: {clean_line(text)}", file=sys.stderr, flush=True)
    except OSError:
        _give_up(sys.stderr)


def _escaped(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[place : place + 2].hex()}" for place in range(0, len(units), 2))


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:
        _give_up(sys.stdout)
        raise
    except OSError as error:
        _give_up(sys.stdout)
        reason = (error.strerror or type(error).__name__).lower()
        raise DiskError(
            f"The answer can't be written to standard output: {reason}. It is kept in the session; --continue goes on."
        ) from error


def _give_up(stream: TextIO) -> None:
    """Let what is left in the buffer of `stream` go nowhere, or the interpreter would stumble over it at its end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
