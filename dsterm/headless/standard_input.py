"""The prompt, or more of it, from standard input."""

from __future__ import annotations

import select
import sys

from dsterm.core.errors import UsageError

_PATIENCE = 3.0
"""Seconds to wait for the first byte when the prompt came as a flag already."""


def read_prompt(given: str | None) -> tuple[str, str]:
    """The prompt of this run, and what is piped in beside it; alone, the piped text is the prompt. UsageError when there is none.

    A pipe that stays open and empty is given up after three seconds when there is a prompt already.
    """
    piped = ""
    if sys.stdin is not None and not sys.stdin.isatty() and (given is None or _has_input()):
        piped = sys.stdin.buffer.read().decode("utf-8", errors="replace").strip("\n")
    prompt, data = (given, piped) if given and given.strip() else (piped, "")
    if not prompt.strip():
        raise UsageError('There is no prompt. Give one, as in dsterm -p "what does this repo do?", or pipe it in.')
    return prompt, data if data.strip() else ""


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
