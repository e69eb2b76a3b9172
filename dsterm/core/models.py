"""Models, prices, usage and cost: what a request may ask for and what it came to.

Money is `Decimal` US dollars, prices are US dollars per 1,000,000 tokens, sizes are tokens.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
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


class PeakHours(msgspec.Struct, frozen=True, kw_only=True):
    """Hours of the week, in UTC, in which the full price holds: from `begins` to `ends` (not included) on each of `days`,
    0 is Monday. An end of 00:00 is the end of the day.
    """

    days: tuple[int, ...]
    begins: time
    ends: time

    def hold(self, moment: datetime) -> bool:
        """Whether `moment`, which has a zone, lies in them."""
        there = moment.astimezone(UTC)
        if there.weekday() not in self.days or there.time() < self.begins:
            return False
        return there.time() < self.ends or self.ends == time()


class PrefixLoss(StrEnum):
    """How much of the provider's prompt cache a change of model or mode gives up."""

    NOTHING = "nothing"
    FROM_FIRST_ANSWER = "from-first-answer"
    EVERYTHING = "everything"


class Probed(msgspec.Struct, frozen=True, kw_only=True):
    """What a few requests found out about a model, on the day `on`: which modes did what they say (`honoured`), which did not,
    whether a repeated prompt was read from the cache, and in units of how many tokens; None is not known.
    """

    on: date
    honoured: tuple[ThinkingMode, ...] = ()
    not_honoured: tuple[ThinkingMode, ...] = ()
    has_cache: bool | None = None
    cache_unit: int | None = None


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """One model at one provider: its limits in tokens, its price, and what to send for each thinking mode.

    Where `off_peak` is given, `price` holds in `peak_hours` and `off_peak` outside of them. `source` and `since` say where the
    limits come from and of which day they are. `mode_alternatives` are other ways to ask for a mode, worth a try where the one
    in `mode_bodies` does nothing.
    """

    id: str
    provider: str
    title: str
    context_window: int
    max_output: int
    alias: str | None = None
    price: Price | None = None
    off_peak: Price | None = None
    peak_hours: tuple[PeakHours, ...] = ()
    mode_bodies: dict[ThinkingMode, dict[str, msgspec.Raw]] = {}
    mode_alternatives: dict[ThinkingMode, tuple[dict[str, msgspec.Raw], ...]] = {}
    probed: Probed | None = None
    source: str = ""
    since: date | None = None

    def price_at(self, moment: datetime) -> Price | None:
        """What a request at `moment`, which has a zone, is billed by; None where that is not known."""
        if self.off_peak is None or any(hours.hold(moment) for hours in self.peak_hours):
            return self.price
        return self.off_peak

    @property
    def short_title(self) -> str:
        """`Pro` or `Flash` where the model is one of the two, else its title."""
        return self.alias.capitalize() if self.alias else self.title


class PageForm(StrEnum):
    """How a provider writes its list of models, or the page that tells the balance."""

    NOVITA = "novita"
    DEEPSEEK = "deepseek"
    OPENROUTER = "openrouter"
    SILICONFLOW = "siliconflow"
    DEEPINFRA = "deepinfra"
    PLAIN = "plain"


class ProviderCard(msgspec.Struct, frozen=True, kw_only=True):
    """One provider: where it is, which environment variables may hold its key, and how it spells things.

    `cached_fields` are dotted paths in `usage`, the first that is there counts. `response_formats` are the kinds of
    `response_format` it takes; `tool_choices` the values of `tool_choice` it takes while thinking. `balance_url` is empty where
    it can't be asked for the balance. `ends_with_done`: a stream without `[DONE]` was cut. `accepts_empty_reasoning`: "" may
    stand for reasoning that there was none of.
    """

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
    cached_fields: tuple[str, ...] = ("prompt_cache_hit_tokens", "prompt_tokens_details.cached_tokens")
    accepts_empty_reasoning: bool = False
    response_formats: tuple[str, ...] = ()
    tool_choices: tuple[str, ...] = ("auto", "none")
    ends_with_done: bool = False
    models_form: PageForm = PageForm.PLAIN
    balance_url: str = ""
    balance_form: PageForm = PageForm.PLAIN


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of one request as the server counted them; `prompt_tokens` includes `cached_tokens`,
    `completion_tokens` includes `reasoning_tokens`. `is_estimate` marks our own count where none came. Where not
    `is_cache_known`, nobody said how many were cached: 0 stands for that, and they are billed as if none were.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    is_estimate: bool = False
    is_cache_known: bool = True

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
            is_cache_known=self.is_cache_known and other.is_cache_known,
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
    """What the next request will likely send: prompt tokens, those likely cached, and dollars for the prompt (None: unknown).

    The answer will likely have `output_low` to `output_high` tokens, a band that three of five answers fall into; both 0: nothing
    was said of it. `low` and `high` are US dollars for all of it at either end of the band, None: unknown.
    """

    prompt_tokens: int
    cached_tokens: int
    dollars: Decimal | None
    output_low: int = 0
    output_high: int = 0
    low: Decimal | None = None
    high: Decimal | None = None

    @property
    def new_tokens(self) -> int:
        """Prompt tokens that the cache likely does not have."""
        return self.prompt_tokens - self.cached_tokens

    @property
    def has_band(self) -> bool:
        """Whether it says anything about the answer."""
        return self.output_high > 0
