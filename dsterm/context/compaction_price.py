"""What a shorter conversation costs once and saves afterwards. Pure; money in US dollars, None where a price is unknown."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dsterm.core.models import Forecast, Price
from dsterm.core.pricing import prompt_cost


class CompactionQuote(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of the next prompt `before` and `after`; `once`: what the summary and reading anew cost; `saves`: each turn."""

    before: int
    after: int
    once: Decimal | None
    saves: Decimal | None

    @property
    def turns(self) -> int | None:
        """After how many turns it has paid for itself; None where it never does, or nobody can say."""
        if self.once is None or not self.saves:
            return None
        return max(1, -int(-self.once // self.saves))


def quote(
    now: Forecast, after: int, shared: int, summary: Decimal | None, requests: float, price: Price | None
) -> CompactionQuote:
    """The quote for a prompt forecast as `now` that becomes `after` tokens, the first `shared` of them the same.

    `summary` is what the summary costs, `requests` how many a turn makes. Later requests find all of it in the cache either way.
    """
    before = now.prompt_tokens
    anew = prompt_cost(after, min(shared, now.cached_tokens), price)
    usual_before, usual_after = prompt_cost(before, before, price), prompt_cost(after, after, price)
    if anew is None or usual_before is None or usual_after is None or now.dollars is None:
        return CompactionQuote(before=before, after=after, once=None, saves=None)
    # What the next request costs beyond the usual, with and without.
    extra = (anew - usual_after) - (now.dollars - usual_before)
    once = None if summary is None else max(Decimal(0), summary + extra)
    saves = (usual_before - usual_after) * Decimal(str(round(requests, 2)))
    return CompactionQuote(before=before, after=after, once=once, saves=saves)
