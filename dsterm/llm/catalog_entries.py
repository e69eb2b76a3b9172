"""What a catalog file may say, as types: a provider, a model, limits, prices, hours."""

from __future__ import annotations

import re
from datetime import date, time
from typing import Annotated, Literal

import msgspec

from dsterm.core.models import PageForm, PeakHours, PrefixLoss, Price, ThinkingMode

Tokens = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
Body = dict[str, object]
ModeBodies = dict[ThinkingMode, Body]
Alternatives = dict[ThinkingMode, tuple[Body, ...]]
Losses = dict[str, PrefixLoss]

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY = "|".join(_DAYS)
_HOURS = re.compile(rf"({_DAY})(?:-({_DAY}))? (\d\d):(\d\d)-(\d\d):(\d\d)")


class AnyModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits for a model id that the catalog doesn't know, at a provider that takes any."""

    context_window: Tokens
    max_output: Tokens
    source: str = ""
    since: date | None = None


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model in the file; `served_as` are other ids that its answers may carry, `source` and `since` are of its limits.

    `expected` is about what it should cost, to hold a fetched price against; nothing is billed by it.
    """

    context_window: Tokens
    max_output: Tokens
    title: str = ""
    alias: str | None = None
    served_as: tuple[str, ...] = ()
    source: str = ""
    since: date | None = None
    price: Price | None = None
    off_peak: Price | None = None
    peak_hours: tuple[str, ...] = ()
    expected: Price | None = None
    modes: ModeBodies = {}
    mode_alternatives: Alternatives = {}


class ProviderEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One provider in the file; a `balance_url` that begins with a slash is on whichever address the provider has."""

    title: str = ""
    base_url: str = ""
    key_variables: tuple[str, ...] = ()
    key_page: str = ""
    reasoning_fields: tuple[Literal["reasoning_content", "reasoning", "reasoning_details"], ...] = (
        "reasoning_content",
        "reasoning",
    )
    replay_field: Literal["reasoning_content", "reasoning"] = "reasoning_content"
    reasoning_placeholder: str = " "
    accepts_empty_reasoning: bool = False
    cached_fields: tuple[str, ...] = ("prompt_cache_hit_tokens", "prompt_tokens_details.cached_tokens")
    response_formats: tuple[Literal["json_schema", "json_object"], ...] = ()
    tool_choices: tuple[Literal["auto", "none", "required", "named"], ...] = ("auto", "none")
    ends_with_done: bool = False
    needs_key: bool = True
    is_demo: bool = False
    models_form: PageForm = PageForm.PLAIN
    balance_url: str = ""
    balance_form: PageForm = PageForm.PLAIN
    any_model: AnyModel | None = None
    modes: ModeBodies = {}
    mode_alternatives: Alternatives = {}
    prefix_loss: Losses = {}
    models: dict[str, ModelEntry] = {}


def read_hours(text: str) -> PeakHours | None:
    """The hours of `Mon-Fri 01:00-04:00` or `Sat 20:00-24:00`, in UTC; None for anything else."""
    match = _HOURS.fullmatch(text)
    if match is None:
        return None
    first = _DAYS.index(match[1])
    last = _DAYS.index(match[2]) if match[2] else first
    begins, ends = _time(match[3], match[4]), _time(match[5], match[6])
    if begins is None or ends is None or first > last or begins == time.max or not (begins < ends):
        return None
    return PeakHours(days=tuple(range(first, last + 1)), begins=begins, ends=time() if ends == time.max else ends)


def write_hours(hours: PeakHours) -> str:
    """`hours` as `read_hours` takes them."""
    days = _DAYS[hours.days[0]] + (f"-{_DAYS[hours.days[-1]]}" if len(hours.days) > 1 else "")
    ends = "24:00" if hours.ends == time() else f"{hours.ends:%H:%M}"
    return f"{days} {hours.begins:%H:%M}-{ends}"


def _time(hour: str, minute: str) -> time | None:
    """The time of day; `time.max` stands for 24:00."""
    if (hour, minute) == ("24", "00"):
        return time.max
    return time(int(hour), int(minute)) if int(hour) < 24 and int(minute) < 60 else None
