"""What the engine announces about the context window: what stands for earlier messages in requests, and that they stand again.

The messages themselves stay in the log. Kept beside core.events, whose Event union they belong to. Sizes are tokens.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec


class ResultsPruned(msgspec.Struct, frozen=True, kw_only=True, tag="ResultsPruned"):
    """In requests a line each stands for the results of these tool calls; the next request is about `tokens` shorter.

    `is_automatic`: without it the next request did not fit.
    """

    call_ids: tuple[str, ...]
    tokens: int = 0
    is_automatic: bool = False


class Compacted(msgspec.Struct, frozen=True, kw_only=True, tag="Compacted"):
    """In requests one message, `summary`, stands for all but the last `keeps` messages, the packs and the newest prompt.

    The tokens are those of the next request's prompt. `dollars` is what the summary cost (None: unknown), `is_estimate` where no
    server counted it. `focus` is what the user wanted it to dwell on.
    """

    summary: str
    keeps: int
    tokens_before: int = 0
    tokens_after: int = 0
    focus: str = ""
    dollars: Decimal | None = Decimal(0)
    is_estimate: bool = False
    is_automatic: bool = False


class OriginalsRestored(msgspec.Struct, frozen=True, kw_only=True, tag="OriginalsRestored"):
    """What the last ResultsPruned or Compacted took out of requests stands in them again."""
