"""Past requests of this user, as far as they say how long answers and turns are, and how well both were forecast.

Read from the index beside the screen, then kept up with what happens; without an index only this run is known.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from dsterm.context.cache_record import CacheRecord, cache_record
from dsterm.context.output_band import MOST_SAMPLES, OutputBand, output_band
from dsterm.core.errors import DiskError
from dsterm.core.events import Envelope
from dsterm.core.models import ModelCard, ThinkingMode
from dsterm.core.provider import StopReason
from dsterm.engine.caching.samples import CacheKey, cache_samples
from dsterm.engine.forecasting.calibration import WHOLE, Calibration, calibrate, is_checked
from dsterm.store.index_rows import IndexRows
from dsterm.store.ledger import StepRow

if TYPE_CHECKING:
    from dsterm.store.index import Index

_MODES = frozenset(mode.value for mode in ThinkingMode)
_MOST_ROWS = 4_000
_LOOKED_AT = 50


class PastTurn(msgspec.Struct, frozen=True):
    """A turn that is over: how many requests it took, the tokens of all answers, those read anew behind its first request."""

    requests: int
    output: int
    added: int


class _Known(msgspec.Struct, frozen=True):
    """What has been made of the rows so far, good until another one comes."""

    outputs: dict[tuple[str, ThinkingMode, bool], list[int]]
    turns: dict[tuple[str, ThinkingMode, bool], list[PastTurn]]


class PastRequests:
    """The requests, oldest first. `family` gives models that are one and the same the same name.

    `load` may run in a thread; the rest belongs to the event loop.
    """

    def __init__(self, family: Callable[[str, str], str]) -> None:
        self._family = family
        self._rows: list[StepRow] = []
        self._made = IndexRows()
        self._known: _Known | None = None
        self._bands: dict[tuple[str, ThinkingMode, bool], OutputBand] = {}
        self._records: dict[CacheKey, CacheRecord] | None = None
        self._lock = threading.Lock()
        self.is_loaded = False

    def load(self, index: Index, *, is_patient: bool = False) -> None:
        """Take in what `index` knows, once; `is_patient` lets it read the logs that it has not read yet first.

        Without it there are seeds, so what is wrong with the index is told where it matters: when a cost can't be booked.
        """
        with self._lock, suppress(DiskError):
            if is_patient:
                index.catch_up()
            elif self.is_loaded:
                return
            rows = index.recent(_MOST_ROWS)
            seen = {(row.session, row.seq) for row in rows}
            self._rows = [*rows, *(row for row in self._rows if (row.session, row.seq) not in seen)]
            self._forget()
            self.is_loaded = True

    def take(self, session: str, envelope: Envelope) -> None:
        """Take in an event of this run."""
        row = self._made.take(session, "", envelope)
        if row is not None:
            self._rows = [*self._rows[-_MOST_ROWS:], row]
            self._forget()

    def band(self, model: ModelCard, mode: ThinkingMode, *, is_demo: bool) -> OutputBand:
        """How long an answer of `model` in `mode` will likely be. Cheap: made once for all that is known."""
        key = self._family(model.provider, model.id), mode, is_demo
        if key not in self._bands:
            self._bands[key] = output_band(self._grouped().outputs.get(key, ()), mode)
        return self._bands[key]

    def turns(self, model: ModelCard, mode: ThinkingMode, *, is_demo: bool) -> list[PastTurn]:
        """The newest turns that `model` answered alone in `mode`, oldest first."""
        return self._grouped().turns.get((self._family(model.provider, model.id), mode, is_demo), [])[-MOST_SAMPLES:]

    def cache(self, provider: str, model: str, *, is_demo: bool) -> CacheRecord:
        """What the prompt cache of `model` at `provider` was seen to keep. Cheap: made once for all that is known."""
        if self._records is None:
            samples = cache_samples(self._rows)
            self._records = {key: cache_record(one.sample for one in found) for key, found in samples.items()}
        return self._records.get((provider, model, is_demo), CacheRecord())

    @property
    def rows(self) -> Sequence[StepRow]:
        """All of them."""
        return self._rows

    def calibration(self, *, is_demo: bool) -> Calibration:
        """How the last 50 forecasts did."""
        rows = [row for row in self._rows if row.is_demo == is_demo and is_checked(row)]
        return calibrate(rows[-_LOOKED_AT:])

    def _forget(self) -> None:
        self._known = self._records = None
        self._bands = {}

    def _grouped(self) -> _Known:
        if self._known is None:
            self._known = self._group()
        return self._known

    def _group(self) -> _Known:
        outputs: dict[tuple[str, ThinkingMode, bool], list[int]] = defaultdict(list)
        turns: dict[tuple[str, int], list[StepRow]] = defaultdict(list)
        for row in self._rows:
            if row.purpose or row.usage is None or row.mode not in _MODES:
                continue
            if row.stop in WHOLE and not row.usage.is_estimate:
                outputs[self._key(row)].append(row.usage.completion_tokens)
            if row.turn:
                turns[row.session, row.turn].append(row)
        past: dict[tuple[str, ThinkingMode, bool], list[PastTurn]] = defaultdict(list)
        for rows in turns.values():
            if rows[-1].stop == StopReason.STOP and len({self._key(row) for row in rows}) == 1:
                past[self._key(rows[0])].append(_past_turn(rows))
        return _Known(outputs, past)

    def _key(self, row: StepRow) -> tuple[str, ThinkingMode, bool]:
        return self._family(row.provider, row.model), ThinkingMode(row.mode), row.is_demo


def _past_turn(rows: list[StepRow]) -> PastTurn:
    usages = [row.usage for row in rows if row.usage is not None]
    return PastTurn(
        requests=len(usages),
        output=sum(usage.completion_tokens for usage in usages),
        added=sum(usage.missed_tokens for usage in usages[1:]),
    )
