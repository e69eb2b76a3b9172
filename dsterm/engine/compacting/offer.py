"""The offer of /compact, with figures."""

from __future__ import annotations

from decimal import Decimal

from dsterm.core.errors import ContextOverflow
from dsterm.core.events import TurnStarted
from dsterm.engine.branch import branch
from dsterm.engine.compacting.compact import quote_words
from dsterm.engine.compacting.plan import plan_compaction, quoted
from dsterm.engine.compacting.summary import ways
from dsterm.engine.live import LiveSession
from dsterm.render.wording import format_share

_LEAST_GAIN = Decimal("0.01")
"""US dollars over the turns that are expected, which are as many as there were."""


def offer_words(live: LiveSession, *, is_full: bool) -> str:
    """What to say of compacting now; empty where it does not pay, or nothing can be replaced."""
    plan = plan_compaction(live)
    if plan is None:
        return ""
    try:
        found = ways(live, plan, "")
    except ContextOverflow:
        return ""
    quote = quoted(live, plan.after, plan.shared, found[0].dollars)
    if is_full:
        share = format_share(quote.before / live.card(live.model).context_window)
        return f"The window is {share} full. /compact makes it shorter: {quote_words(live, quote)}."
    turns = sum(isinstance(envelope.event, TurnStarted) for envelope in branch(live.journal.envelopes))
    if quote.once is None or quote.saves is None or quote.saves * turns - quote.once < _LEAST_GAIN:
        return ""
    return f"/compact pays: {quote_words(live, quote)}."
