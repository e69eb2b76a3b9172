"""A miss of the cache that cost something and that nobody chose is told at once, in one line; the same cause in a row once."""

from __future__ import annotations

from decimal import Decimal

from dsterm.context.cache_ledger import CacheLedger, CacheRow, Verdict, hit_saves
from dsterm.context.cache_record import CacheRecord
from dsterm.core.events import StepEnded
from dsterm.core.wire_events import Intervened, Intervention
from dsterm.engine.live import LiveSession
from dsterm.render.wording import format_money, format_seconds, format_share, format_tokens

_WORTH = Decimal("0.01")
"""US dollars; less is not worth a line."""

_TOLD = frozenset({Verdict.EXPIRED, Verdict.PROVIDER, Verdict.PARTLY})
"""What the user changed was told before it was sent."""


def session_ledger(live: LiveSession) -> CacheLedger:
    """The rows of this session, judged by what is known of its caches now."""
    past, catalog = live.parts.past, live.parts.catalog
    providers = {card.name: card.is_demo for card in catalog.providers}

    def record(provider: str, model: str) -> CacheRecord:
        return past.cache(provider, model, is_demo=providers.get(provider, False))

    return CacheLedger(live.journal.envelopes, record)


def tell_miss(live: LiveSession, ended: StepEnded) -> None:
    """Say that the request which has `ended` was read anew, where that cost more than a cent."""
    usage = ended.usage
    most = None if usage is None or ended.is_demo else hit_saves(usage.missed_tokens, ended.price)
    if most is None or most < _WORTH:
        return
    rows = [row for row in session_ledger(live).rows if not row.purpose]
    if not rows or not _is_told(rows[-1]) or (len(rows) > 1 and _is_told(rows[-2]) and _same(rows[-1], rows[-2])):
        return
    live.emit(Intervened(kind=Intervention.CACHE_MISSED, text=miss_words(rows[-1])))


def miss_words(row: CacheRow) -> str:
    """What was read anew and why, with the dollars; for misses that no change of ours explains."""
    cost = f"{format_tokens(row.lost)} tokens were read anew for {format_money(row.lost_dollars)} more: "
    age = "" if row.age is None else f" after {format_seconds(row.age.total_seconds())}"
    match row.verdict:
        case Verdict.EXPIRED:
            return f"{cost}the cache had let them go{age}."
        case Verdict.PARTLY:
            share = format_share((row.observed or 0) / (row.lost + (row.observed or 0)))
            return f"{cost}the bytes were the same, and the provider's cache gave only {share} of them{age}."
        case _:
            return f"{cost}the bytes were the same, and the provider's cache did not have them{age}."


def _is_told(row: CacheRow) -> bool:
    return row.verdict in _TOLD and row.lost_dollars is not None and row.lost_dollars > _WORTH


def _same(row: CacheRow, other: CacheRow) -> bool:
    return (row.verdict, row.provider, row.model) == (other.verdict, other.provider, other.model)
