"""Does the next request fit the budget. Pure: values in, a decision out; money in US dollars, sizes in tokens."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dsterm.core.models import Price
from dsterm.core.pricing import prompt_cost

SMALLEST_USEFUL_OUTPUT = 256
"""Tokens below which an answer is not worth its prompt."""

_WARNING_SHARE = Decimal("0.8")


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """What the budget leaves for a request: `output_cap` tokens (None: no cap), a `warning`, or the reason to `stop`."""

    output_cap: int | None = None
    warning: str = ""
    stop: str = ""


def allowance(budget: Decimal | None, spent: Decimal | None, prompt_tokens: int, price: Price | None) -> Allowance:
    """What `budget` leaves after `spent` for a request of `prompt_tokens`, reckoned at the full price of a cache miss.

    The output is capped so that even the dearest answer stays inside the budget. An unknown price stops: nothing could hold it.
    """
    if budget is None:
        return Allowance()
    prompt = prompt_cost(prompt_tokens, 0, price)
    if price is None or prompt is None or spent is None:
        return Allowance(
            stop="The price of this model is unknown, so a budget can't be held. Choose a priced model or no budget."
        )
    left = budget - spent - prompt
    cap = int(left / price.output * 1_000_000) if price.output else None
    if left <= 0 or (cap is not None and cap < SMALLEST_USEFUL_OUTPUT):
        return Allowance(
            stop=f"The budget of ${budget:f} doesn't cover the next request: ${spent:f} is spent "
            f"and the prompt may cost ${prompt:f}. Nothing was lost; raise --budget to go on."
        )
    warning = ""
    if spent >= budget * _WARNING_SHARE:
        warning = f"${spent:f} of the budget of ${budget:f} is spent."
    return Allowance(output_cap=cap, warning=warning)
