"""A new snapshot of what is attached, in place of the old one and what was told since: offered with figures, made when asked."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from msgspec.structs import replace

from dsterm.context.compaction_price import CompactionQuote
from dsterm.context.prompt_count import count_prompt
from dsterm.context.repo_pack import BuiltPack, build_pack
from dsterm.context.window import LEAST_OUTPUT, output_room
from dsterm.core.attachments import PackChoice
from dsterm.core.errors import ContextOverflow, UsageError
from dsterm.core.events import TurnEnd, TurnEnded, TurnStarted
from dsterm.core.messages import Pack
from dsterm.core.repo_events import RepoAttached, RepoChanged, RepoDetached
from dsterm.engine.attaching.attach import progress
from dsterm.engine.attaching.counting import count_source, count_text
from dsterm.engine.attaching.packing import gather
from dsterm.engine.branch import branch
from dsterm.engine.compacting.compact import quote_words
from dsterm.engine.compacting.plan import quoted
from dsterm.engine.live import LiveSession
from dsterm.engine.steps.requests import forecast_next, window_parts
from dsterm.render.wording import format_count, format_share, format_tokens

_SHARE = 0.25
"""Of a snapshot; when as much was told since, a new one is offered."""

_GROWTH = 0.1
"""Of a snapshot; by as much it has to grow until a new one is offered again."""

_LEAST_TOKENS = 2_000
"""Told since; for less nobody is bothered."""


async def snapshot(live: LiveSession, words: list[str]) -> None:
    """Attach a pack anew, as its source is now, at the end of the conversation; the old one goes, and what was told of it.

    UsageError where it isn't said which, or nothing changed; ContextOverflow where it doesn't fit, and then the old one stays.
    """
    old = _chosen(live.session.packs, words)
    built = await _built(live, old)
    if any(built.pack.digest == pack.digest for pack in live.session.packs):
        raise UsageError(f"{old.source} is attached already, exactly as it is now.")
    told = _told(live, old)[0]
    now = forecast_next(live).prompt_tokens
    quote = _quote(live, old, told, built.pack.tokens)
    if output_room(live.card(live.model), quote.after) < LEAST_OUTPUT:
        raise ContextOverflow(
            f"A new snapshot of {old.source} has {built.pack.tokens:,} tokens and does not fit: the next prompt would have"
            f" {quote.after:,}. /compact first, or /detach it and attach a part of it."
        )
    live.keep_pack(built.pack.digest, built.text, built.manifest)
    live.emit(RepoDetached(digest=old.digest))
    live.emit(RepoAttached(pack=built.pack))
    live.drift.offered.pop(old.digest, None)
    files = format_count(built.pack.files, "file")
    live.notice(
        f"New snapshot of {old.source}: {files}, {format_tokens(built.pack.tokens)} tokens, in place of"
        f" {format_tokens(old.tokens + told)}. The next prompt of {format_tokens(now)}: {quote_words(live, quote)}."
    )


def offer_snapshot(live: LiveSession, ended: TurnEnded) -> None:
    """Say what a new snapshot costs and saves where enough was told since, or where it pays; not again until more was told."""
    if ended.reason is not TurnEnd.ANSWERED or not live.parts.can_ask:
        return
    for pack in live.session.packs:
        if not pack.is_followed:
            continue
        told, named = _told(live, pack)
        before = live.drift.offered.get(pack.digest)
        if before is not None and (told - before[0] < pack.tokens * _GROWTH and named <= before[1]):
            continue
        if told < _LEAST_TOKENS and not named:
            continue
        quote = _quote(live, pack, told, pack.tokens)
        if named or told > pack.tokens * _SHARE or _pays(live, quote):
            live.drift.offered[pack.digest] = (told, named)
            live.notice(_offer(live, pack, told, named, quote))


def _offer(live: LiveSession, pack: Pack, told: int, named: int, quote: CompactionQuote) -> str:
    way = "/snapshot" if len(live.session.packs) == 1 else f"/snapshot {pack.source}"
    what = f"What was told of changes of {pack.source} is {format_share(told / max(1, pack.tokens))} of it"
    if named:
        what += ", and more changed than fits, so part of it is out of date"
    return f"{what}. {way} attaches it anew: {quote_words(live, quote)}."


def _pays(live: LiveSession, quote: CompactionQuote) -> bool:
    """Whether it is cheaper over the turns that are expected, which are as many as there were."""
    turns = sum(isinstance(envelope.event, TurnStarted) for envelope in branch(live.journal.envelopes))
    return quote.once is not None and quote.saves is not None and quote.saves * turns > quote.once


def _quote(live: LiveSession, pack: Pack, told: int, tokens: int) -> CompactionQuote:
    """What stands ahead of the old pack is the same in the next prompt, all behind it is read anew."""
    messages = live.session.messages
    ahead = messages.index(pack)
    parts = window_parts(live, live.card(live.model), live.sending_mode)
    shared = count_prompt(replace(parts, messages=tuple(messages[:ahead])), live.parts.counter)
    after = max(0, forecast_next(live).prompt_tokens - pack.tokens - told + tokens)
    return quoted(live, after, shared, Decimal(0))


def _told(live: LiveSession, pack: Pack) -> tuple[int, int]:
    """The tokens of what was told of the changes of `pack`, and how often files were only named."""
    events = [one.event for one in branch(live.journal.envelopes) if isinstance(one.event, RepoChanged)]
    own = [event for event in events if event.digest == pack.digest]
    return sum(event.tokens for event in own), sum(event.is_partial for event in own)


async def _built(live: LiveSession, old: Pack) -> BuiltPack:
    tell = progress(live, old.source)
    choice = old.choice or PackChoice()
    survey = await count_source(live.parts, old.source, choice, tell)
    gathered = await gather(live.parts, survey, choice, tell)
    return await asyncio.to_thread(build_pack, gathered, lambda text: count_text(live.parts, text))


def _chosen(packs: tuple[Pack, ...], words: list[str]) -> Pack:
    if not packs:
        raise UsageError("Nothing is attached.")
    chosen = [pack for pack in packs if not words or pack.source == words[0]]
    if len(chosen) != 1 or len(words) > 1:
        raise UsageError(f"Say which: {', '.join(pack.source for pack in packs)}")
    return chosen[0]
