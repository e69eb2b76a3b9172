"""/cache: how much of the prompts came from the provider's cache, what that saved, what misses cost and why."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal

from dsterm.context.cache_ledger import MISSES, CacheRow, Verdict
from dsterm.context.cache_record import CacheRecord, cache_record
from dsterm.core.report_events import ReportShown, ReportTable, Sentences, TableRow
from dsterm.engine.caching.samples import CacheKey, PricedSample, cache_samples
from dsterm.engine.caching.telling import miss_words, session_ledger
from dsterm.engine.live import LiveSession
from dsterm.engine.steps.requests import expected_cache
from dsterm.render.transcript import short_title
from dsterm.render.wire_notes import break_words
from dsterm.render.wording import format_count, format_money, format_seconds, format_share, format_tokens
from dsterm.store.ledger import Asked, StepRow

_SHOWN = 12
_MINUTE = timedelta(minutes=1)
_WORDS = {
    Verdict.OURS: "by what changed in the prompt",
    Verdict.EXPIRED: "because the cache had let go of it",
    Verdict.PROVIDER: "by the provider, whose cache did not have what it had read",
    Verdict.PARTLY: "by the provider, whose cache had only part of it",
}


def cache_report(live: LiveSession) -> ReportShown:
    """The requests of this session at the cache."""
    rows = session_ledger(live).rows
    if not rows:
        return ReportShown(title="Nothing was sent yet, so there is nothing to say of the cache.")
    shown = rows[-_SHOWN:]
    left = len(rows) - len(shown)
    title = f"Prompt cache of this session: {_summary(rows)}"
    zone = live.parts.clock.now().astimezone().tzinfo
    table = ReportTable(
        header=("request", "prompt", "predicted", "cached", "verdict"),
        rows=tuple(line for row in shown for line in _lines(row, f"{row.at.astimezone(zone):%H:%M}")),
        drops=(1, 2),
    )
    words = [f"{format_count(left, 'request')} before these."] if left else []
    words += [*_losses(rows), *_known(live), *_advice(live, rows)]
    return ReportShown(title=title, sections=(table, Sentences(texts=tuple(words))))


async def cache_report_of_all(live: LiveSession) -> ReportShown:
    """The same of all sessions by provider and model; DiskError when the index can't be read."""
    index = live.parts.index
    rows: Sequence[StepRow] = live.parts.past.rows
    if index is not None:
        rows = await asyncio.to_thread(index.steps, Asked(with_demo=True))
    groups: dict[CacheKey, list[StepRow]] = {}
    for row in rows:
        if row.usage is not None and not row.usage.is_estimate:
            groups.setdefault((row.provider, row.model, row.is_demo), []).append(row)
    if not groups:
        return ReportShown(title="No request was counted yet, so there is nothing to say of caches.")
    samples = cache_samples(rows)
    lines = [line for key, group in groups.items() for line in _group_lines(key, group, samples.get(key, []))]
    table = ReportTable(header=("model", "requests", "cached", "saved", "lost"), rows=tuple(lines), drops=(1, 4))
    words = "Lost is what was read anew behind requests whose bytes were the same; its newest 200 of each model are looked at."
    return ReportShown(title="Prompt caches in all sessions", sections=(table, Sentences(texts=(words,))))


def _summary(rows: Sequence[CacheRow]) -> str:
    counted = [row for row in rows if row.observed is not None]
    if not counted:
        return "no server said what it had cached"
    prompt = sum(row.prompt for row in counted)
    cached = sum(row.observed or 0 for row in counted)
    saved = _sum(row.saved_dollars for row in counted)
    lost = _sum(row.lost_dollars for row in counted)
    demo = "; a demo, owed to nobody" if all(row.is_demo for row in rows) else ""
    share = format_share(cached / prompt) if prompt else format_share(0)
    return (
        f"{share} of {format_tokens(prompt)} tokens hit, {format_money(saved)} saved, {format_money(lost)} lost{demo}"
    )


def _lines(row: CacheRow, time: str) -> list[TableRow]:
    name = f"{time}  {short_title(row.model)} · {row.mode.label}{f' · {row.purpose}' if row.purpose else ''}"
    observed = "unknown" if row.observed is None else f"{row.observed:,}"
    predicted = "" if row.purpose else f"{row.predicted:,}"
    verdict = "hit" if row.verdict is Verdict.HIT else row.verdict.value
    lines = [TableRow(cells=(name, f"{row.prompt:,}", predicted, observed, verdict))]
    words = _why(row)
    if words:
        lines.append(TableRow(cells=(words, "", "", "", ""), depth=3))
    return lines


def _why(row: CacheRow) -> str:
    match row.verdict:
        case Verdict.OURS:
            at = f", from {row.cause_at} on" if row.cause_at else ""
            cost = f"{format_tokens(row.lost)} tokens were read anew for {format_money(row.lost_dollars)} more: "
            return f"{cost}{break_words(row.cause)}{at}."
        case Verdict.EXPIRED | Verdict.PROVIDER | Verdict.PARTLY:
            return miss_words(row)
        case _:
            return ""


def _losses(rows: Sequence[CacheRow]) -> Iterable[str]:
    for verdict in MISSES:
        found = [row for row in rows if row.verdict is verdict]
        if found:
            tokens = format_tokens(sum(row.lost for row in found))
            money = format_money(_sum(row.lost_dollars for row in found))
            yield f"Lost {_WORDS[verdict]}: {money}, {tokens} tokens, {format_count(len(found), 'request')}."


def _known(live: LiveSession) -> Iterable[str]:
    """What is known of the cache of the chosen model."""
    model = live.card(live.model)
    words = record_words(expected_cache(live, model))
    if words:
        yield f"{model.short_title} at {live.provider.title}: {words}."


def record_words(record: CacheRecord) -> str:
    """What past requests showed, in words; empty where there were none."""
    if not record.samples:
        return ""
    parts = []
    if record.hits_to is not None:
        parts.append("hits seen" if record.hits_to < _MINUTE else f"hits seen up to {_age(record.hits_to)}")
    if record.misses_from is not None:
        parts.append(f"misses from {_age(record.misses_from)}")
    if record.rate < 1:
        parts.append(f"gives {format_share(record.rate)} of what it should have, which forecasts go by")
    if record.unit != CacheRecord().unit:
        parts.append(f"in units of {record.unit:,} tokens")
    parts = parts or ["no hit seen yet"]
    return f"{', '.join(parts)} ({format_count(record.samples, 'request')} looked at)"


def _age(age: timedelta) -> str:
    return format_seconds(age.total_seconds(), is_whole=True)


def _advice(live: LiveSession, rows: Sequence[CacheRow]) -> Iterable[str]:
    """One line on the dearest kind of miss."""
    costs = {verdict: sum(row.lost for row in rows if row.verdict is verdict) for verdict in MISSES}
    worst = max(MISSES, key=costs.__getitem__)
    if not costs[worst]:
        return
    match worst:
        case Verdict.OURS:
            yield "Stay with a model and a mode while the window is full; F4 shows what a switch costs before it is sent."
        case Verdict.EXPIRED:
            record = expected_cache(live, live.card(live.model))
            kept = _age(record.lasts)
            yield f"This cache keeps things for about {kept}: sooner is cheaper, and /compact makes a late return cheaper."
        case _:
            yield "The prompts were the same to the byte, so nothing here mends it; /provider compares with another one."


def _group_lines(key: CacheKey, rows: Sequence[StepRow], samples: Sequence[PricedSample]) -> list[TableRow]:
    provider, model, is_demo = key
    known = [row for row in rows if row.usage is not None and row.usage.is_cache_known]
    prompt = sum(row.usage.prompt_tokens for row in known if row.usage)
    cached = sum(row.usage.cached_tokens for row in known if row.usage)
    saved = _sum(_dollars(row.usage.cached_tokens if row.usage else 0, row.hit_saves) for row in known)
    lost = _sum(_dollars(one.sample.possible - one.sample.observed, one.hit_saves) for one in samples)
    share = format_share(cached / prompt) if prompt else "unknown"
    name = f"{short_title(model)} at {provider}{', demo' if is_demo else ''}"
    lines = [TableRow(cells=(name, f"{len(rows):,}", share, format_money(saved), format_money(lost)))]
    words = record_words(cache_record(one.sample for one in samples))
    return [*lines, TableRow(cells=(words, "", "", "", ""), depth=1)] if words else lines


def _dollars(tokens: int, hit_saves: Decimal | None) -> Decimal | None:
    return None if hit_saves is None else max(tokens, 0) * hit_saves / 1_000_000


def _sum(dollars: Iterable[Decimal | None]) -> Decimal | None:
    """None where one of them is not known."""
    total = Decimal(0)
    for each in dollars:
        if each is None:
            return None
        total += each
    return total
