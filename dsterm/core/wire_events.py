"""Events about the way to the model: what went wrong there, what dsterm did about it on its own, and who answered instead."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from dsterm.core.models import Price


class Intervention(StrEnum):
    """What dsterm did without being asked, because of what a model or a server did."""

    RECOVERED_CALL = "recovered-call"
    DROPPED_MARKUP = "dropped-markup"
    EMPTY_ANSWER = "empty-answer"
    ANNOUNCED_ONLY = "announced-only"
    CONTINUED = "continued"
    REPEATED_CALL = "repeated-call"
    LOOPING_REASONING = "looping-reasoning"
    REASONING_REFILLED = "reasoning-refilled"
    OUTPUT_LOWERED = "output-lowered"
    ANSWER_REPAIRED = "answer-repaired"
    MODE_NOT_HONOURED = "mode-not-honoured"
    OTHER_MODEL = "other-model"
    NO_USAGE = "no-usage"
    PREFIX_LOST = "prefix-lost"
    CACHE_MISSED = "cache-missed"


class Intervened(msgspec.Struct, frozen=True, kw_only=True, tag="Intervened"):
    """dsterm did something of its own; `text` tells the reader, `nudge` is what the model is told, as words of a user."""

    kind: Intervention
    text: str
    nudge: str = ""


class FellBack(msgspec.Struct, frozen=True, kw_only=True, tag="FellBack"):
    """Another provider or model goes on, because the former one is overloaded or out of reach; `/back` undoes it.

    `price` is what it costs now, None where that is not known.
    """

    from_provider: str
    from_model: str
    provider: str
    model: str
    cause: str
    price: Price | None = None


class StepStalled(msgspec.Struct, frozen=True, kw_only=True, tag="StepStalled"):
    """Nothing has come from the server for `seconds`, for screens; 0 says that it is alive again."""

    seconds: float
