"""The garbage collector at start-up: imports make no garbage, and looking for some costs a third of the start."""

from __future__ import annotations

import gc


def leave_garbage() -> None:
    """Switch the collector off until what is needed is loaded."""
    gc.disable()


def collect_garbage_from_here() -> None:
    """Switch the collector on; what was loaded so far stays for good and is never looked at."""
    gc.freeze()
    gc.enable()
