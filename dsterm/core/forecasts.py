"""What a send will likely cost, as values: what the chip under the composer shows and the first Enter asks by."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from dsterm.core.models import Forecast


class NewBecause(StrEnum):
    """Why the provider's cache does not have what could be in it."""

    NOTHING = "nothing"
    FIRST_SEND = "first-send"
    PROVIDER = "provider"
    MODEL = "model"
    MODE = "mode"
    AGE = "age"
    ATTACHED = "attached"
    TEXT = "text"
    CHANGED = "changed"


class SendForecast(msgspec.Struct, frozen=True, kw_only=True):
    """What sending the draft now comes to: its first request, not the whole turn.

    `was` is the same send with what was sent last, where model or mode were changed since. `extra` is US dollars beyond what the
    send would cost if all of its prompt came from the cache (None: unknown price), `because` and the `words` say what makes it
    so; `is_above`: it is more than the limit, so it asks. `is_estimate`: its tokens are not counted by the vocabulary;
    `is_pending`: a long text is still to be counted.
    """

    forecast: Forecast
    was: Forecast | None = None
    extra: Decimal | None = None
    because: NewBecause = NewBecause.NOTHING
    words: str = ""
    is_above: bool = False
    is_estimate: bool = False
    is_pending: bool = False
    is_demo: bool = False
