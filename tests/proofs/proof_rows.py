"""What was said of each request before it was sent, held against what the server counted and billed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from dsterm.core.events import Envelope, StepEnded, StepStarted
from dsterm.core.models import Forecast, ThinkingMode, Usage


@dataclass(frozen=True)
class Row:
    """One request. `resent`: its tokens that an earlier request to the same model and mode, with its answer, had already;
    `billed`: US dollars of its prompt.
    """

    model: str
    mode: ThinkingMode
    said: Forecast
    used: Usage
    billed: Decimal
    resent: int
    response_id: str

    @property
    def token_error(self) -> float:
        """How far off the prompt's tokens were."""
        return abs(self.said.prompt_tokens - self.used.prompt_tokens) / self.used.prompt_tokens

    @property
    def dollar_error(self) -> float:
        """How far off the prompt's dollars were."""
        return price_error(self.said, self.billed)

    @property
    def is_inside(self) -> bool:
        """Whether the answer is as long as was said."""
        return self.said.output_low <= self.used.completion_tokens <= self.said.output_high


def price_error(said: Forecast, billed: Decimal) -> float:
    """How far what was said of a prompt is from what was billed for it, as a share of that."""
    assert said.dollars is not None
    return float(abs(said.dollars - billed) / billed)


def read_rows(envelopes: Iterable[Envelope]) -> list[Row]:
    """The requests of a session in which nothing is taken out."""
    rows: list[Row] = []
    had: dict[tuple[str, ThinkingMode], int] = {}
    started: StepStarted | None = None
    for envelope in envelopes:
        match envelope.event:
            case StepStarted() as event:
                started = event
            case StepEnded(usage=Usage() as usage, cost=cost) as ended:
                assert started is not None and started.forecast is not None and cost is not None
                assert not usage.is_estimate
                place = started.model, started.mode
                resent = min(had.get(place, 0), usage.prompt_tokens)
                had[place] = usage.prompt_tokens + usage.completion_tokens
                rows.append(Row(*place, started.forecast, usage, cost.hit + cost.miss, resent, ended.response_id))
            case _:
                pass
    return rows


def hit_share(rows: Sequence[Row]) -> float:
    """The hits among the tokens that were sent again; hits in what was not count for nothing."""
    return sum(min(row.used.cached_tokens, row.resent) for row in rows) / max(1, sum(row.resent for row in rows))


def sum_error(rows: Sequence[Row]) -> float:
    """How far the sum of all forecast prompts is from their bill."""
    billed = sum(row.billed for row in rows)
    return float(abs(sum(row.said.dollars or 0 for row in rows) - billed) / billed)


def inside_share(rows: Sequence[Row]) -> float:
    """Of the answers, those as long as was said."""
    return sum(row.is_inside for row in rows) / len(rows)
