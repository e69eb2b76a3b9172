"""Usage times price is cost: pure, exact, and unknown where the price is."""

from __future__ import annotations

from decimal import Decimal

from dsterm.core.models import Cost, Price, Usage

_MILLION = Decimal(1_000_000)


def cost_of(usage: Usage, price: Price | None) -> Cost | None:
    """What `usage` costs at `price`, or None (unknown, never zero) when there is no price."""
    if price is None:
        return None
    return Cost(
        hit=usage.cached_tokens * price.cache_read / _MILLION,
        miss=usage.missed_tokens * price.input / _MILLION,
        output=usage.completion_tokens * price.output / _MILLION,
    )


def prompt_cost(tokens: int, cached: int, price: Price | None) -> Decimal | None:
    """US dollars to send a prompt of `tokens`, of which `cached` are in the provider's cache."""
    cost = cost_of(Usage(prompt_tokens=tokens, cached_tokens=cached), price)
    return None if cost is None else cost.total
