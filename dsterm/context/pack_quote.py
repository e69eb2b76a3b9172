"""What attaching so many tokens means for one model: their share of its window, whether they fit, what they cost."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dsterm.context.window import LEAST_OUTPUT, output_room
from dsterm.core.models import ModelCard
from dsterm.core.pricing import prompt_cost


class PackQuote(msgspec.Struct, frozen=True, kw_only=True):
    """Figures for the model called `title`: the `share` of its `window` (1 is all), US dollars for a send that the provider's
    cache doesn't have and for one that it has (None: unknown price), and `missing`, the tokens by which it doesn't fit beside
    what is there, 0 where it does.
    """

    title: str
    tokens: int
    window: int
    share: float
    miss_dollars: Decimal | None
    hit_dollars: Decimal | None
    missing: int

    @property
    def fits(self) -> bool:
        """Whether it fits, with room for an answer."""
        return self.missing == 0


def pack_quote(tokens: int, model: ModelCard, already: int) -> PackQuote:
    """What attaching `tokens` means for requests to `model` that have `already` tokens without it."""
    return PackQuote(
        title=model.short_title,
        tokens=tokens,
        window=model.context_window,
        share=tokens / model.context_window,
        miss_dollars=prompt_cost(tokens, 0, model.price),
        hit_dollars=prompt_cost(tokens, tokens, model.price),
        missing=max(0, LEAST_OUTPUT - output_room(model, already + tokens)),
    )
