"""Models, prices, usage and cost: what a request may ask for and what it came to.

Money is `Decimal` US dollars, prices are US dollars per 1,000,000 tokens, sizes are tokens.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum

import msgspec


class ThinkingMode(StrEnum):
    """How much the model reasons before it answers."""

    NON_THINK = "non-think"
    THINK = "think"
    THINK_MAX = "think-max"

    @property
    def label(self) -> str:
        """The mode as a user reads it."""
        return {"non-think": "Non-think", "think": "Think", "think-max": "Think Max"}[self.value]

    @property
    def next(self) -> ThinkingMode:
        """The mode that one press of the mode key leads to."""
        modes = list(ThinkingMode)
        return modes[(modes.index(self) + 1) % len(modes)]


class PermissionMode(StrEnum):
    """What the model may do without asking."""

    ASK = "ask"
    ACCEPT_EDITS = "accept-edits"
    AUTO = "auto"
    PLAN = "plan"
    YOLO = "yolo"


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What a model costs, in US dollars per 1,000,000 tokens, with the day and place the figures come from."""

    input: Decimal
    output: Decimal
    cache_read: Decimal
    since: date
    source: str


class PrefixLoss(StrEnum):
    """How much of the provider's prompt cache a change of model or mode gives up."""

    NOTHING = "nothing"
    FROM_FIRST_ANSWER = "from-first-answer"
    EVERYTHING = "everything"


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """One model at one provider: its limits in tokens, its price, and what to send for each thinking mode."""

    id: str
    provider: str
    title: str
    context_window: int
    max_output: int
    alias: str | None = None
    price: Price | None = None
    mode_bodies: dict[ThinkingMode, dict[str, msgspec.Raw]] = {}

    @property
    def short_title(self) -> str:
        """`Pro` or `Flash` where the model is one of the two, else its title."""
        return self.alias.capitalize() if self.alias else self.title


class ProviderCard(msgspec.Struct, frozen=True, kw_only=True):
    """One provider: where it is, which environment variables may hold its key, and how it spells things."""

    name: str
    title: str
    base_url: str
    key_variables: tuple[str, ...] = ()
    key_page: str = ""
    reasoning_fields: tuple[str, ...] = ("reasoning_content", "reasoning")
    replay_field: str = "reasoning_content"
    reasoning_placeholder: str = " "
    needs_key: bool = True
    is_demo: bool = False


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of one request as the server counted them; `prompt_tokens` includes `cached_tokens`,
    `completion_tokens` includes `reasoning_tokens`. `is_estimate` marks our own count where none came.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    is_estimate: bool = False

    @property
    def missed_tokens(self) -> int:
        """Prompt tokens that the prompt cache did not have."""
        return self.prompt_tokens - self.cached_tokens

    @property
    def total_tokens(self) -> int:
        """Tokens of the window that the request and its answer fill together."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
            is_estimate=self.is_estimate or other.is_estimate,
        )


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """US dollars of one request, or of several, by what was paid for."""

    hit: Decimal = Decimal(0)
    miss: Decimal = Decimal(0)
    output: Decimal = Decimal(0)

    @property
    def total(self) -> Decimal:
        """All of it."""
        return self.hit + self.miss + self.output

    def __add__(self, other: Cost) -> Cost:
        return Cost(hit=self.hit + other.hit, miss=self.miss + other.miss, output=self.output + other.output)


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What the next request will likely send: prompt tokens, those likely cached, and dollars for the prompt (None: unknown)."""

    prompt_tokens: int
    cached_tokens: int
    dollars: Decimal | None
