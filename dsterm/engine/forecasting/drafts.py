"""The forecast of a draft, asked at every keystroke: what does not change between two of them is counted once.

A text over 4 kB is never counted where the screen would wait for it: it is estimated at once, and `count` counts it in a thread,
which loads the vocabulary.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from dsterm.core.errors import DiskError
from dsterm.core.forecasts import SendForecast
from dsterm.engine.forecasting.sending import Addition, forecast_send
from dsterm.engine.live import LiveSession
from dsterm.engine.turn_note import turn_note

LONG = 4_096
"""Characters above which a text is counted in a thread."""

_MOST_KEPT = 64


class Drafts:
    """Forecasts of drafts for the session that `live` gives; on the event loop."""

    def __init__(self, live: Callable[[], LiveSession]) -> None:
        self._live = live
        self._counted: dict[str, int] = {}
        self._note: tuple[tuple[object, ...], int] = ((), 0)
        self._is_stuck = False

    def forecast(self, draft: str, pasted: Sequence[str] = (), mentioned: int = 0) -> SendForecast:
        """What sending `draft`, with `pasted` texts in it and `mentioned` tokens of mentions, comes to."""
        addition = self.addition(draft, pasted, mentioned)
        self._live().draft = addition.draft, addition.mentions
        return forecast_send(self._live(), addition)

    def addition(self, draft: str, pasted: Sequence[str] = (), mentioned: int = 0) -> Addition:
        """What that adds to the conversation."""
        live = self._live()
        is_exact = live.parts.counter.is_exact
        texts = (draft, *pasted)
        uncounted = [text for text in texts if len(text) > LONG and text not in self._counted]
        return Addition(
            draft=sum(self._count(text) for text in texts),
            mentions=mentioned,
            note=self._count_note(live),
            is_estimate=bool(uncounted) or not is_exact,
            is_pending=bool(uncounted) and not self._is_stuck,
        )

    async def count(self, draft: str, pasted: Sequence[str] = ()) -> None:
        """Count what is long in a thread; without the vocabulary estimates stay."""
        texts = [text for text in (draft, *pasted) if len(text) > LONG and text not in self._counted]
        if not texts:
            return
        try:
            counts = await asyncio.to_thread(self._live().parts.counter.count_exactly, texts)
        except DiskError as error:
            self._is_stuck = True
            self._live().notice(str(error))
            return
        if len(self._counted) + len(texts) > _MOST_KEPT:
            self._counted.clear()
        self._counted.update(zip(texts, counts, strict=True))

    def _count(self, text: str) -> int:
        if not text:
            return 0
        known = self._counted.get(text)
        if known is not None:
            return known
        counter = self._live().parts.counter
        if len(text) > LONG and counter.is_exact:
            # The beginning says about how dense it is; the thread says the rest.
            return counter.count(text[:LONG]) * len(text) // LONG
        return counter.count(text)

    def _count_note(self, live: LiveSession) -> int:
        """Tokens of what dsterm adds of its own, which only changes with the session."""
        key = (
            live.journal.session_id,
            len(live.journal.envelopes),
            len(live.ended_jobs),
            live.permission_mode,
            live.repo,
            live.parts.counter.is_exact,
        )
        if self._note[0] != key:
            note = turn_note(live)
            self._note = key, live.parts.counter.count(note)
        return self._note[1]
