"""The front door: flags to a plain value, nothing else. `--version` answers before anything is imported."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from dsterm import __version__

if TYPE_CHECKING:
    import argparse

_NOBODY_TO_TELL = frozenset({errno.EPIPE, errno.EIO, errno.ENOSPC, errno.EBADF, errno.ENOTCONN, errno.ECONNRESET})
"""Whoever read the output has left, or its disk is full."""


def main(arguments: list[str] | None = None) -> int:
    """Run dsterm with `arguments` (those of the process by default) and return its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    if words in (["--version"], ["-V"]):
        sys.stdout.write(f"dsterm {__version__}\n")
        return 0
    if words[:1] == ["demo-server"]:
        from dsterm.boot import serve_demo

        return serve_demo(words[1:])
    if words[:1] == ["doctor"]:
        from dsterm.boot.doctor import examine

        return examine(words[1:])
    if words[:1] == ["models"]:
        from dsterm.boot.models_command import list_models

        return list_models(words[1:])
    if words[:1] == ["pack"]:
        from dsterm.boot.pack_command import pack

        return pack(words[1:])
    if words[:1] == ["needles"]:
        from dsterm.boot.needles_command import run_needles

        return run_needles(words[1:])
    options = parse(words)
    from dsterm.boot import start

    return start(options)


def parse(words: list[str]) -> argparse.Namespace:
    """The flags of `words`; a wrong one ends the program with one sentence and exit code 2."""
    from dsterm.flags import build_parser

    return build_parser().parse_args(words)


def run() -> NoReturn:
    """The console script: exit with what `main` returns, without taking the interpreter apart first.

    Everything is closed by then; unloading a thousand modules would only cost a tenth of a second.
    """
    try:
        _fill_closed_streams()
        code = main()
        sys.stdout.flush()
        sys.stderr.flush()
    except KeyboardInterrupt:
        code = 130
    except OSError as error:
        if error.errno not in _NOBODY_TO_TELL:
            raise
        code = 1
    os._exit(code)


def _fill_closed_streams() -> None:
    """Let a standard stream that was closed lead nowhere, so that no file of ours takes its place."""
    for name, flags, mode in (("stdin", os.O_RDONLY, "r"), ("stdout", os.O_WRONLY, "w"), ("stderr", os.O_WRONLY, "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, flags), mode))
