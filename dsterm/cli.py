"""The front door: flags to a plain value, nothing else. `--version` answers before anything is imported."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

from dsterm import __version__

if TYPE_CHECKING:
    import argparse


def main(arguments: list[str] | None = None) -> int:
    """Run dsterm with `arguments` (those of the process by default) and return its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    if words in (["--version"], ["-V"]):
        sys.stdout.write(f"dsterm {__version__}\n")
        return 0
    if words[:1] == ["demo-server"]:
        from dsterm.boot import serve_demo

        return serve_demo(words[1:])
    options = parse(words)
    from dsterm.boot import start

    return start(options)


def parse(words: list[str]) -> argparse.Namespace:
    """The flags of `words`; a wrong one ends the program with one sentence and exit code 2."""
    from dsterm.flags import build_parser

    return build_parser().parse_args(words)


def run() -> NoReturn:
    """The console script: exit with what `main` returns."""
    sys.exit(main())
