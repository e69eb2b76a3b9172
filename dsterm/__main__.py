"""`python -m dsterm`, without the current folder among the places modules are loaded from."""

from __future__ import annotations

import sys

if not sys.flags.safe_path and sys.path:
    # `python -m` puts the current folder first: a repository there could supply modules of its own.
    del sys.path[0]

from dsterm.cli import run

if __name__ == "__main__":
    run()
