"""How long a request may take in each of its phases, in seconds."""

from __future__ import annotations

import msgspec

_MEGABYTE = 1_000_000


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds for each phase. The engine's watchdog mostly comes first; these hold where nobody watches.

    `headers` is the time from the first byte sent to the first byte received, `per_megabyte` is added for each megabyte of
    the body: a megabyte is some 250,000 tokens of code, which a server without a cache reads at 4,000 a second or faster,
    and the line must carry it too. `silence` is the longest pause between two bytes of an answer, `queue` how long a server
    may send nothing but signs of life (DeepSeek gives up after 10 minutes itself), `total` how long a whole answer may take:
    393,216 tokens at 30 a second are 3.6 hours. `page` is for a whole page beside the conversation. `error_body` is for the
    text of a refusal, `drain` for the last bytes behind a complete answer.
    """

    connect: float = 10.0
    headers: float = 60.0
    per_megabyte: float = 60.0
    silence: float = 360.0
    queue: float = 900.0
    total: float = 14_400.0
    page: float = 30.0
    error_body: float = 10.0
    drain: float = 0.25

    def until_headers(self, size: int) -> float:
        """How long it may take to connect, send a body of `size` bytes and hear the beginning of the answer."""
        return self.connect + self.headers + self.per_megabyte * size / _MEGABYTE
