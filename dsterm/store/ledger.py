"""Requests and their sums: what the index answers. Pure and exact; an unknown cost is counted, never taken for nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

import msgspec

from dsterm.core.models import Cost, Forecast, Usage


class StepRow(msgspec.Struct, frozen=True, kw_only=True):
    """One request: where and when, what served it, what it used (None: not known) and cost (None: not known).

    `purpose` is what it was for beside the conversation, empty for a step of it. `turn` is the number of the event that began
    its turn, 0 where there was none; `forecast` is what was said of it before it was sent, `broke` why it did not continue the
    request before it. `hit_saves` is how many US dollars a million tokens cost less from the cache (None: not known).
    """

    session: str
    seq: int
    at: datetime
    folder: str
    provider: str
    model: str
    mode: str
    lane: str
    stop: str
    is_demo: bool
    usage: Usage | None
    cost: Cost | None
    purpose: str = ""
    turn: int = 0
    forecast: Forecast | None = None
    broke: str = ""
    hit_saves: Decimal | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which requests are meant; None doesn't narrow. `since` is inclusive, `before` is not; demo requests only on demand.

    `newest` takes only so many of them, the last ones.
    """

    session: str | None = None
    folder: Path | None = None
    since: datetime | None = None
    before: datetime | None = None
    with_demo: bool = False
    newest: int | None = None


class Grouping(StrEnum):
    """What sums are made by; a day is one in UTC."""

    DAY = "day"
    SESSION = "session"
    FOLDER = "folder"
    PROVIDER = "provider"
    MODEL = "model"
    MODE = "mode"
    PURPOSE = "purpose"


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over requests; `unpriced` of them used tokens at an unknown price, so `cost` is then only a part."""

    requests: int = 0
    usage: Usage = Usage()
    cost: Cost = Cost()
    unpriced: int = 0


def sum_up(rows: Iterable[StepRow]) -> Totals:
    """The totals of `rows`."""
    totals = Totals()
    for row in rows:
        totals = _plus(totals, row)
    return totals


def sum_by(rows: Iterable[StepRow], grouping: Grouping) -> dict[str, Totals]:
    """The totals of each group of `rows`."""
    groups: dict[str, Totals] = {}
    for row in rows:
        name = _group_of(row, grouping)
        groups[name] = _plus(groups.get(name, Totals()), row)
    return groups


def _plus(totals: Totals, row: StepRow) -> Totals:
    return Totals(
        requests=totals.requests + 1,
        usage=totals.usage if row.usage is None else totals.usage + row.usage,
        cost=totals.cost if row.cost is None else totals.cost + row.cost,
        unpriced=totals.unpriced + (row.usage is not None and row.cost is None),
    )


def _group_of(row: StepRow, grouping: Grouping) -> str:
    match grouping:
        case Grouping.DAY:
            return row.at.date().isoformat()
        case Grouping.SESSION:
            return row.session
        case Grouping.FOLDER:
            return row.folder
        case Grouping.PROVIDER:
            return row.provider
        case Grouping.MODEL:
            return row.model
        case Grouping.MODE:
            return row.mode
        case Grouping.PURPOSE:
            return row.purpose or "conversation"
