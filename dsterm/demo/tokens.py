"""The token counter of the server: loaded in a thread while the first request is already being answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

Count = Callable[[str], int]
"""Tokens in a text."""

_SHORT = 20_000


class Tokens:
    """Counts with what `load` gives; whoever counts first waits for it."""

    def __init__(self, load: Callable[[], Count]) -> None:
        self._loading = asyncio.ensure_future(asyncio.to_thread(load))

    async def count(self, text: str) -> int:
        """Tokens in `text`; long texts are counted beside the event loop. Raises what `load` raised."""
        if not text:
            return 0
        count = await asyncio.shield(self._loading)
        return count(text) if len(text) < _SHORT else await asyncio.to_thread(count, text)
