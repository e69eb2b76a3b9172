"""/context: the window as a picture by category, with tokens, dollars of sending them again, what is cached, and advice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from dsterm.context.window_share import WindowFacts, WindowShare, window_shares
from dsterm.core.errors import DiskError
from dsterm.core.events import Steered, TurnStarted
from dsterm.core.messages import Pack
from dsterm.core.models import ModelCard, Price
from dsterm.core.report_events import Part, Picture, ReportShown, ReportTable, Role, Sentences, TableRow
from dsterm.engine.branch import branch
from dsterm.engine.caching.cache_report import record_words
from dsterm.engine.live import LiveSession
from dsterm.engine.slash.context_advice import context_advice
from dsterm.engine.steps.requests import context_tokens, expected_cache, forecast_next, window_parts
from dsterm.render.wording import format_count, format_money, format_seconds, format_share, format_tokens

_FOLDERS = 4
"""Folders of a pack that have a line of their own."""

_MILLION = Decimal(1_000_000)
_NAMES = {
    Role.SYSTEM: "system text",
    Role.TOOLS: "tools",
    Role.INSTRUCTIONS: "instructions",
    Role.CHANGES: "changes of attached files",
    Role.WORDS: "your words and notes",
    Role.MENTIONS: "mentions",
    Role.ANSWERS: "answers",
    Role.REASONING: "reasoning, sent along",
}
_ORDER = tuple(Role)


class _Column(msgspec.Struct, frozen=True):
    """What the cells of a row are made by."""

    window: int
    price: Price | None

    def row(
        self, name: str, tokens: int, cached: int | None = None, role: Role | None = None, depth: int = 0
    ) -> TableRow:
        share = format_share(tokens / self.window) if tokens >= 0 else ""
        dollars = None if self.price is None else self.price.cache_read * max(tokens, 0) / _MILLION
        money = "" if role in {Role.ROOM, Role.FREE} else format_money(dollars)
        hit = "" if cached is None else _cached_words(tokens, cached)
        return TableRow(cells=(name, f"{tokens:,}", share, money, hit), role=role, depth=depth)


def context_report(live: LiveSession) -> ReportShown:
    """What fills the window of the chosen model now; the rows add up to what the status line says."""
    model = live.card(live.model)
    parts = window_parts(live, model, live.sending_mode)
    forecast = forecast_next(live)
    facts = WindowFacts(system=live.parts.system, mentions=_mentions(live))
    shares = window_shares(parts, live.parts.counter, facts, forecast.cached_tokens)
    shares.sort(key=lambda share: (_ORDER.index(share.role), -share.tokens))
    used, is_estimate = context_tokens(live)
    window = model.context_window
    room = min(live.parts.config.max_output, model.max_output, max(window - used, 0))
    column = _Column(window, model.price)
    rows = [row for share in shares for row in _rows(live, share, column)]
    counted = sum(share.tokens for share in shares)
    if used != counted:
        rows.append(column.row("the server's count differs", used - counted))
    rows.append(column.row("used", used, forecast.cached_tokens))
    rows.append(column.row("room for the answer", room, role=Role.ROOM))
    rows.append(column.row("free", max(window - used - room, 0), role=Role.FREE))
    mark = "" if live.parts.counter.is_exact and not is_estimate else "~"
    title = (
        f"The window of {model.short_title}, {live.sending_mode.label}: {mark}{format_tokens(used)} of {format_tokens(window)}"
        f" tokens, {format_share(used / window)}"
    )
    table = ReportTable(header=("", "tokens", "window", "$ again", "cached"), rows=tuple(rows), drops=(2, 4))
    words = (*_cache_words(live, model), *context_advice(live, shares))
    picture = Picture(parts=_picture(shares, room, max(window - used - room, 0)))
    return ReportShown(title=title, sections=(picture, table, Sentences(texts=words)))


def _picture(shares: Iterable[WindowShare], room: int, free: int) -> tuple[Part, ...]:
    sums: dict[Role, int] = defaultdict(int)
    for share in shares:
        sums[share.role] += share.tokens
    sums |= {Role.ROOM: room, Role.FREE: free}
    return tuple(Part(role=role, tokens=max(sums[role], 0)) for role in _ORDER if sums.get(role))


def _rows(live: LiveSession, share: WindowShare, column: _Column) -> Iterable[TableRow]:
    match share.role:
        case Role.PACK:
            pack = next((pack for pack in live.session.packs if pack.digest == share.name), None)
            name = f"{pack.source if pack else share.name[:12]} ({format_count(share.number, 'file')})"
            yield column.row(name, share.tokens, share.cached, share.role)
            if pack is not None:
                yield from (column.row(name, tokens, depth=2) for name, tokens in _folders(live, pack))
        case Role.RESULTS:
            name = f"results of {share.name or 'tools'} ({share.number:,})"
            yield column.row(name, share.tokens, share.cached, share.role)
        case Role.INSTRUCTIONS:
            yield column.row(_NAMES[share.role], share.tokens, share.cached, share.role)
            for source in live.instructions.sources:
                yield column.row(source.place, source.tokens, depth=2)
        case _:
            number = f" ({share.number:,})" if share.number > 1 else ""
            yield column.row(_NAMES[share.role] + number, share.tokens, share.cached, share.role)


def _folders(live: LiveSession, pack: Pack) -> list[tuple[str, int]]:
    """The largest folders at the top of a pack, the others together, and what is no file's own: the table, headings."""
    try:
        manifest = live.load_manifest(pack.digest)
    except DiskError:
        return []
    sums: dict[str, int] = defaultdict(int)
    for file in manifest.files:
        top, slash, _ = file.path.partition("/")
        sums[f"{top}/" if slash else "(at the top)"] += file.tokens
    ranked = sorted(((name, tokens) for name, tokens in sums.items() if tokens), key=lambda item: (-item[1], item[0]))
    shown, others = ranked[:_FOLDERS], ranked[_FOLDERS:]
    if others:
        shown.append((f"{len(others):,} more", sum(tokens for _, tokens in others)))
    rest = pack.tokens - sum(sums.values())
    return [*shown, ("table of files, headings", rest)] if rest > 0 else shown


def _mentions(live: LiveSession) -> dict[str, int]:
    """Tokens of mentions, by the text of the message that carries them."""
    found: dict[str, int] = {}
    for envelope in branch(live.journal.envelopes):
        match envelope.event:
            case TurnStarted(prompt=prompt, note=note, mentions=mentions) if mentions:
                found[f"{note}\n\n{prompt}"] = sum(mention.tokens for mention in mentions)
            case Steered(text=text, note=note, mentions=mentions) if mentions:
                found[f"{note}\n\n{text}"] = sum(mention.tokens for mention in mentions)
            case _:
                pass
    return found


def _cached_words(tokens: int, cached: int) -> str:
    if tokens <= 0 or not cached:
        return "new" if tokens > 0 else ""
    # A rounded 100 % must not hide what is new.
    return "hit" if cached == tokens else f"hit {min(100 * cached // tokens, 99)} %"


def _cache_words(live: LiveSession, model: ModelCard) -> Sequence[str]:
    """What the cache likely has, until when, and what sending it all costs now and without a cache."""
    forecast, price = forecast_next(live), model.price
    if not forecast.cached_tokens:
        return ("Nothing of it is likely in the provider's cache now, so the next request reads all of it.",)
    new = format_tokens(forecast.new_tokens)
    words = f"Likely cached: {format_tokens(forecast.cached_tokens)}, {new} new; the prompt costs"
    money = f"{words} {format_money(forecast.dollars, is_estimate=True)}"
    if price is not None:
        without = format_money(price.input * forecast.prompt_tokens / _MILLION, is_estimate=True)
        money += f", {without} without the cache"
    place = live.session.sent.place if live.session.sent else None
    kept = live.session.kept.get(place) if place else None
    if kept is None:
        return (f"{money}.",)
    record = expected_cache(live, model)
    left = record.lasts - (live.parts.clock.now() - kept.at)
    until = f" It likely stays for another {format_seconds(max(left.total_seconds(), 0), is_whole=True)}"
    known = record_words(record)
    return (f"{money}.{until}{f': {known}' if known else ', a guess of ours'}.",)
