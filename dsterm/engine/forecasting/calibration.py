"""How good forecasts have been: what was said of requests against what the servers counted and billed."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from dsterm.core.events import Envelope
from dsterm.core.provider import StopReason
from dsterm.render.wording import format_share
from dsterm.store.index_rows import IndexRows
from dsterm.store.ledger import StepRow

WHOLE = frozenset({StopReason.STOP.value, StopReason.TOOL_CALLS.value})
"""Ends of answers that were as long as the model meant them to be."""


class Calibration(msgspec.Struct, frozen=True):
    """How the last forecasts did: of so many `answers` so many were `inside` the band that was said; how far off the prompt's
    tokens and dollars were, as a share of all that was billed (None: nothing was billed).
    """

    requests: int = 0
    answers: int = 0
    inside: int = 0
    token_error: float = 0.0
    dollar_error: float | None = None


def calibrate(rows: Iterable[StepRow]) -> Calibration:
    """How the forecasts of `rows` did against what the servers counted and billed; a cut answer says nothing of its band."""
    requests = answers = inside = tokens = missed_tokens = 0
    dollars = missed_dollars = Decimal(0)
    for row in rows:
        said, usage = row.forecast, row.usage
        if said is None or usage is None:
            continue
        requests += 1
        tokens += usage.prompt_tokens
        missed_tokens += abs(usage.prompt_tokens - said.prompt_tokens)
        if said.has_band and row.stop in WHOLE:
            answers += 1
            inside += said.output_low <= usage.completion_tokens <= said.output_high
        if said.dollars is not None and row.cost is not None:
            billed = row.cost.hit + row.cost.miss
            dollars += billed
            missed_dollars += abs(billed - said.dollars)
    return Calibration(
        requests=requests,
        answers=answers,
        inside=inside,
        token_error=missed_tokens / tokens if tokens else 0.0,
        dollar_error=float(missed_dollars / dollars) if dollars else None,
    )


def is_checked(row: StepRow) -> bool:
    """Whether it was forecast, and the server itself said what it used."""
    return row.forecast is not None and row.usage is not None and not row.usage.is_estimate and not row.purpose


def calibration_words(calibration: Calibration) -> str:
    """How the last forecasts did: `last 50: 84 % inside the band, input error 0.2 %, price error 0.4 %`;
    empty where there were none.
    """
    if not calibration.requests:
        return ""
    parts = []
    if calibration.answers:
        parts.append(f"{format_share(calibration.inside / calibration.answers)} inside the band")
    parts.append(f"input error {_percent(calibration.token_error)}")
    if calibration.dollar_error is not None:
        parts.append(f"price error {_percent(calibration.dollar_error)}")
    return f"last {calibration.requests}: {', '.join(parts)}"


def session_words(envelopes: Iterable[Envelope]) -> str:
    """The same of the requests of one session."""
    made = IndexRows()
    rows = [made.take("", "", envelope) for envelope in envelopes]
    return calibration_words(calibrate(row for row in rows if row is not None and is_checked(row)))


def _percent(share: float) -> str:
    """Finer than other shares: this is about small errors."""
    return f"{share * 100:.1f} %"
