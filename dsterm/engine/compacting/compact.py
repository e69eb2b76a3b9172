"""/compact: replace what is old by a summary, or long results by stubs; bring the originals back; say first what that means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from dsterm.context.compaction import compacted, prunable
from dsterm.context.compaction_price import CompactionQuote
from dsterm.context.compaction_text import summary_message
from dsterm.core.context_events import Compacted, OriginalsRestored, ResultsPruned
from dsterm.core.delta_events import WorkProgress
from dsterm.core.errors import ProviderError, UsageError
from dsterm.core.events import AsideEnded, Envelope
from dsterm.engine.compacting.fitting import has_room
from dsterm.engine.compacting.plan import (
    LEAST_SAVED,
    CompactionPlan,
    plan_compaction,
    prompt_room,
    quoted,
    scaled,
    tokens_when_pruned,
    weigher,
)
from dsterm.engine.compacting.standing import standing
from dsterm.engine.compacting.summary import Way, ways, write_summary
from dsterm.engine.compacting.unseen import forget_unseen
from dsterm.engine.live import LiveSession
from dsterm.engine.masked_words import masked_words
from dsterm.engine.steps.requests import forecast_next
from dsterm.render.wording import format_count, format_money, format_tokens

_TURNS_KEPT = 2
"""The last turns, whose results stay."""


async def compact(live: LiveSession, words: str) -> None:
    """`/compact [focus]`, `/compact prune`, `/compact undo`.

    UsageError where there is nothing to do, ProviderError where no summary came; then everything is as it was.
    """
    match words.strip():
        case "undo":
            restore(live)
        case "prune":
            _prune_all(live)
        case focus:
            await _compact(live, masked_words(live, focus))


def restore(live: LiveSession) -> None:
    """Let what was taken out last stand in requests again."""
    if not len(live.session.originals):
        raise UsageError("Nothing was compacted or pruned here, so there is nothing to bring back.")
    live.emit(OriginalsRestored())
    left = len(live.session.originals)
    again = " What was taken out before that comes back with /compact undo again." if left else ""
    now = forecast_next(live)
    full = "" if has_room(live) else " That does not fit the window, so the next request would be made shorter again."
    live.notice(
        f"The originals are back: the next prompt is {format_tokens(now.prompt_tokens)} tokens,"
        f" {format_money(now.dollars, is_estimate=True)}.{full}{again}"
    )


def results_to_prune(live: LiveSession) -> list[str]:
    """The calls before the last turns whose results are worth a stub."""
    session = live.session
    recent = session.words[-_TURNS_KEPT:]
    ids = {id(message) for said in recent for message in said}
    until = next((place for place, message in enumerate(session.messages) if id(message) in ids), len(session.messages))
    return [result.call_id for result in prunable(session.messages, until, weigher(live))]


def prune(live: LiveSession, call_ids: Sequence[str], *, is_automatic: bool = False) -> None:
    """Let stubs stand for the results of these calls."""
    before = forecast_next(live).prompt_tokens
    after, _ = tokens_when_pruned(live, call_ids)
    live.emit(ResultsPruned(call_ids=tuple(call_ids), tokens=max(0, before - after), is_automatic=is_automatic))
    forget_unseen(live)


async def replace_by_summary(
    live: LiveSession, plan: CompactionPlan, found: list[Way], focus: str = "", *, is_automatic: bool = False
) -> None:
    """Have the summary written and let it stand for what `plan` names; nothing changes unless it comes."""
    before, began = forecast_next(live).prompt_tokens, len(live.journal.envelopes)
    live.emit(WorkProgress("Writing a summary; Esc stops it"))
    summary = await write_summary(live, found)
    session = live.session
    text = summary_message(standing(live, plan.late), summary, prompt_room(live))
    after, _ = scaled(live, compacted(session.messages, plan.keeps, session.newest_words, text))
    if before - after < LEAST_SAVED:
        raise ProviderError(
            "The summary is as long as what it would stand for, so nothing was changed. Begin anew with /new."
        )
    dollars, is_estimate = _spent(live.journal.envelopes[began:])
    live.emit(
        Compacted(
            summary=text,
            keeps=plan.keeps,
            tokens_before=before,
            tokens_after=after,
            focus=focus,
            dollars=dollars,
            is_estimate=is_estimate,
            is_automatic=is_automatic,
        )
    )
    forget_unseen(live)


def quote_words(live: LiveSession, quote: CompactionQuote) -> str:
    """`61k → 8k tokens; costs ~$0.0012 once, saves ~$0.0017 a turn, pays after 1 turn`."""
    words = f"{format_tokens(quote.before)} → ~{format_tokens(quote.after)} tokens"
    if quote.once is None or quote.saves is None:
        return f"{words}; what it costs is not known, as {live.model.short_title} has no price here"
    once, saves = format_money(quote.once, is_estimate=True), format_money(quote.saves, is_estimate=True)
    pays = f", pays after {format_count(quote.turns, 'turn')}" if quote.turns else ""
    return f"{words}; costs {once} once, saves {saves} a turn{pays}"


async def _compact(live: LiveSession, focus: str) -> None:
    plan = plan_compaction(live)
    if plan is None:
        raise UsageError("There is nothing to gain: what could be summed up is hardly longer than its summary.")
    found = ways(live, plan, focus)
    quote = quoted(live, plan.after, plan.shared, found[0].dollars)
    live.notice(f"Compacting {quote_words(live, quote)}. By {_by(live, found[0])}.")
    await replace_by_summary(live, plan, found, focus)


def _prune_all(live: LiveSession) -> None:
    call_ids = results_to_prune(live)
    after, shared = tokens_when_pruned(live, call_ids)
    if not call_ids or forecast_next(live).prompt_tokens - after < LEAST_SAVED:
        raise UsageError("There is nothing to gain: no long results of tools stand before the last two turns.")
    live.notice(f"Taking out old results: {quote_words(live, quoted(live, after, shared, Decimal(0)))}.")
    prune(live, call_ids)


def _by(live: LiveSession, way: Way) -> str:
    title = way.parts.model.short_title
    return (
        f"{title}, which has the conversation in its cache"
        if way.goes_on
        else f"{title} in Non-think, which reads it anew"
    )


def _spent(envelopes: Iterable[Envelope]) -> tuple[Decimal | None, bool]:
    """What the requests beside the conversation came to, and whether that is an estimate."""
    dollars: Decimal | None = Decimal(0)
    is_estimate = False
    for envelope in envelopes:
        if isinstance(envelope.event, AsideEnded) and (usage := envelope.event.ended.usage) is not None:
            cost = envelope.event.ended.cost
            dollars = None if cost is None or dollars is None else dollars + cost.total
            is_estimate |= usage.is_estimate
    return dollars, is_estimate
