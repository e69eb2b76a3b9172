"""The prompt, or more of it, from standard input."""

from __future__ import annotations

import select
import sys

from dsterm.core.errors import UsageError

_PATIENCE = 3.0
"""Seconds to wait for the first byte when the prompt came as a flag already."""


def read_prompt(given: str | None) -> str:
    """The prompt of this run: `given`, what is piped in, or both with the piped text last; UsageError when there is none.

    A pipe that stays open and empty is given up after three seconds when there is a prompt already.
    """
    piped = ""
    if sys.stdin is not None and not sys.stdin.isatty() and (given is None or _has_input()):
        piped = sys.stdin.buffer.read().decode("utf-8", errors="replace").strip("\n")
    prompt = "\n\n".join(part for part in (given or "", piped) if part.strip())
    if not prompt:
        raise UsageError('There is no prompt. Give one, as in dsterm -p "what does this repo do?", or pipe it in.')
    return prompt


def _has_input() -> bool:
    if sys.platform == "win32":
        return True
    try:
        ready, _, _ = select.select([sys.stdin], [], [], _PATIENCE)
    except (OSError, ValueError):
        return False
    if not ready:
        print("dsterm: nothing came on standard input; going on without it", file=sys.stderr)
    return bool(ready)
