"""What the next request will likely send, hit and cost; estimates from the server's last count, never from a price alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from dsterm.context.prompt_count import PromptCounter, count_prompt, effort_tokens
from dsterm.context.window import WindowParts
from dsterm.core.messages import AssistantMessage, Message
from dsterm.core.models import Forecast, ModelCard, PrefixLoss, ThinkingMode, Usage
from dsterm.core.pricing import prompt_cost
from dsterm.core.services import TokenCounter

CACHE_UNIT = 64
"""Tokens of the smallest piece that a cache is taken to keep."""

CACHE_AGE = timedelta(hours=3)
"""How long an unused prefix is taken to stay in a provider's cache. An assumption, on the safe side: DeepSeek speaks of a few
hours to a few days, the others of nothing.
"""


class CacheHabit(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider's cache gives: a share `rate` of what it should have, in units of `unit` tokens."""

    unit: int = CACHE_UNIT
    rate: float = 1.0


class LastRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The last request of the session: how many of the messages it carried (the first ones), its mode, the server's count."""

    messages: int
    mode: ThinkingMode
    usage: Usage


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What a request left in the prompt cache of the model that it went to, `at` that moment: `tokens` at the front of the
    conversation, in which the first so many `messages` stand; None: as many as those come to by our own count. `digest` is the
    one that the request was logged with.
    """

    messages: int
    tokens: int | None
    digest: str
    at: datetime

    def is_there(self, now: datetime, holds: Callable[[timedelta], bool] | None = None) -> bool:
        """Whether it likely still is; `holds` says of an age whether that cache keeps things so long, where that is known."""
        age = now - self.at
        return age < CACHE_AGE if holds is None else holds(age)

    def cut(self, messages: int) -> Kept:
        """What is left where only so many of the messages are the same."""
        return self if messages >= self.messages else replace(self, messages=messages, tokens=None)


def estimate_prompt(parts: WindowParts, counter: TokenCounter, last: LastRequest | None = None) -> int:
    """Tokens of the prompt: the server's count of the last request and our count of what came since, where that can be told
    apart; else our own count. Give `last` only if its messages still stand at the front, unchanged.
    """
    if last is None or last.usage.is_estimate or _drops_reasoning(last.mode) != _drops_reasoning(parts.mode):
        return count_prompt(parts, counter)
    effort = effort_tokens(parts.model, parts.mode) - effort_tokens(parts.model, last.mode)
    new = PromptCounter(counter).count_messages(replace(parts, messages=parts.messages[last.messages :]))
    return max(0, last.usage.prompt_tokens + effort + new)


def forecast_request(
    parts: WindowParts,
    counter: TokenCounter,
    last: LastRequest | None = None,
    kept: Iterable[tuple[Kept, PrefixLoss]] = (),
    habit: CacheHabit | None = None,
) -> Forecast:
    """The prompt of the next request: its tokens, those that the provider's cache likely has, and its price.

    `kept` is what earlier requests to the same provider left in its caches, each with what of it is lost to this one by its
    model and mode. All of it, and `last`, must be of messages that still stand at the front, unchanged. `habit` is what that
    cache was seen to give of what it has.
    """
    habit = habit or CacheHabit()
    tokens = estimate_prompt(parts, counter, last)
    cached = max((_likely_cached(parts, counter, one, loss) for one, loss in kept), default=0)
    return _forecast(tokens, int(cached * habit.rate), parts.model, habit.unit)


def sent_again(forecast: Forecast, model: ModelCard) -> Forecast:
    """What a request that was billed already will send once more, byte for byte."""
    return _forecast(forecast.prompt_tokens, forecast.prompt_tokens, model)


def _forecast(tokens: int, cached: int, model: ModelCard, unit: int = CACHE_UNIT) -> Forecast:
    cached = min(tokens, cached) // unit * unit
    return Forecast(prompt_tokens=tokens, cached_tokens=cached, dollars=prompt_cost(tokens, cached, model.price))


def _likely_cached(parts: WindowParts, counter: TokenCounter, kept: Kept, loss: PrefixLoss) -> int:
    """Tokens at the front that the provider's cache has of `kept`."""
    match loss:
        case PrefixLoss.EVERYTHING:
            return 0
        case PrefixLoss.NOTHING if kept.tokens is not None:
            return kept.tokens
        case PrefixLoss.NOTHING:
            front = kept.messages
        case PrefixLoss.FROM_FIRST_ANSWER:
            front = _first_answer(parts.messages[: kept.messages])
    return count_prompt(replace(parts, messages=parts.messages[:front]), counter)


def _first_answer(messages: tuple[Message, ...]) -> int:
    places = (place for place, message in enumerate(messages) if isinstance(message, AssistantMessage))
    return next(places, len(messages))


def _drops_reasoning(mode: ThinkingMode) -> bool:
    """Without thinking the server leaves earlier reasoning out of the prompt."""
    return mode is ThinkingMode.NON_THINK
