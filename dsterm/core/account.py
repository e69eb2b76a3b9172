"""What a provider tells of itself: the models it lists and what is left on the account."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec

from dsterm.core.models import Probed, ThinkingMode


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


class FetchedList(msgspec.Struct, frozen=True, kw_only=True):
    """What the server at `origin` (`https://api.novita.ai`) listed as `provider` on the day `on`."""

    provider: str
    origin: str
    on: date
    models: tuple[ListedModel, ...]


class ProbedModel(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out about the model `id`; `bodies` are what to send for the modes that the catalog's own did not switch."""

    id: str
    found: Probed
    bodies: dict[ThinkingMode, dict[str, msgspec.Raw]] = {}


class ProbeResult(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out with a few requests to the server at `origin` as `provider`."""

    provider: str
    origin: str
    models: tuple[ProbedModel, ...]


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """An amount on the account, in `currency` (USD, CNY)."""

    currency: str
    amount: Decimal
