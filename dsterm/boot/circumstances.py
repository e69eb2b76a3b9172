"""Clock, ids and chance as they really are; tests hand in others."""

from __future__ import annotations

import time
from datetime import datetime
from random import SystemRandom


class SystemClock:
    """The machine's own time, in its own zone."""

    def now(self) -> datetime:
        """The current local time with its zone."""
        return datetime.now().astimezone()

    def monotonic(self) -> float:
        """Seconds that only go forward."""
        return time.monotonic()


def new_event_id(random: SystemRandom) -> str:
    """Twelve hexadecimal digits: unique within any session."""
    return f"{random.getrandbits(48):012x}"
