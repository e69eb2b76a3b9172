"""What a provider tells of itself: the models it lists and what is left on the account."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class ListedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model as the provider's own list describes it; limits in tokens, prices in US dollars per 1,000,000 tokens, None
    where the list does not say.
    """

    id: str
    title: str = ""
    context_window: int | None = None
    max_output: int | None = None
    input: Decimal | None = None
    output: Decimal | None = None
    cache_read: Decimal | None = None


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """An amount on the account, in `currency` (USD, CNY)."""

    currency: str
    amount: Decimal
