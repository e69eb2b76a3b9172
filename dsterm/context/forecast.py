"""What the next request will likely send, hit and cost; estimates from the server's last count, never from a price alone."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from dsterm.context.window import LEAST_OUTPUT, WindowParts, output_room
from dsterm.core.messages import AssistantMessage, Message, Pack, ToolMessage, UserMessage
from dsterm.core.models import Forecast, ModelCard, PrefixLoss, ThinkingMode, Usage
from dsterm.core.pricing import prompt_cost
from dsterm.core.services import TokenCounter
from dsterm.core.tools import ToolSpec

_START_TOKENS = 4
_MESSAGE_TOKENS = 2
_TOOLS_TOKENS = 222
_CALL_TOKENS = 52
_EFFORT_TOKENS = {ThinkingMode.NON_THINK: 0, ThinkingMode.THINK: 0, ThinkingMode.THINK_MAX: 92}
_CACHE_UNIT = 64


class LastRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The last request of the session: how many of the messages it carried (the first ones), its mode, the server's count."""

    messages: int
    mode: ThinkingMode
    usage: Usage


class PackQuote(msgspec.Struct, frozen=True, kw_only=True):
    """What attaching a pack means: its share of the window (1 is all), US dollars for each send when the cache does not have it
    and when it does (None: unknown price), and whether it fits beside what is there.
    """

    files: int
    tokens: int
    share: float
    miss_dollars: Decimal | None
    hit_dollars: Decimal | None
    fits: bool


def count_prompt(parts: WindowParts, counter: TokenCounter) -> int:
    """Tokens of the whole prompt by our own count: text, tools and the template around them."""
    tokens = _START_TOKENS + _EFFORT_TOKENS[parts.mode] + counter.count(parts.system)
    return tokens + _count_tools(parts.tools, counter) + _count_messages(parts.messages, parts.mode, counter)


def estimate_prompt(parts: WindowParts, counter: TokenCounter, last: LastRequest | None = None) -> int:
    """Tokens of the prompt: the server's count of the last request and our count of what came since, where that can be told
    apart; else our own count. Give `last` only if its messages still stand at the front, unchanged.
    """
    if last is None or last.usage.is_estimate or _drops_reasoning(last.mode) != _drops_reasoning(parts.mode):
        return count_prompt(parts, counter)
    effort = _EFFORT_TOKENS[parts.mode] - _EFFORT_TOKENS[last.mode]
    new = _count_messages(parts.messages[last.messages :], parts.mode, counter)
    return max(0, last.usage.prompt_tokens + effort + new)


def forecast_request(
    parts: WindowParts,
    counter: TokenCounter,
    last: LastRequest | None = None,
    loss: PrefixLoss = PrefixLoss.NOTHING,
) -> Forecast:
    """The prompt of the next request: its tokens, those that the provider's cache likely has, and its price.

    `loss` says what a change of model or mode since `last` gives up; `last` is as for `estimate_prompt`.
    """
    tokens = estimate_prompt(parts, counter, last)
    cached = min(tokens, _likely_cached(parts, counter, last, loss)) // _CACHE_UNIT * _CACHE_UNIT
    dollars = prompt_cost(tokens, cached, parts.model.price)
    return Forecast(prompt_tokens=tokens, cached_tokens=cached, dollars=dollars)


def pack_quote(pack: Pack, model: ModelCard, already: int) -> PackQuote:
    """What attaching `pack` means for requests to `model` that have `already` tokens without it."""
    return PackQuote(
        files=pack.files,
        tokens=pack.tokens,
        share=pack.tokens / model.context_window,
        miss_dollars=prompt_cost(pack.tokens, 0, model.price),
        hit_dollars=prompt_cost(pack.tokens, pack.tokens, model.price),
        fits=output_room(model, already + pack.tokens) >= LEAST_OUTPUT,
    )


def _likely_cached(parts: WindowParts, counter: TokenCounter, last: LastRequest | None, loss: PrefixLoss) -> int:
    """Tokens at the front that the last request, and its answer, left in the provider's cache."""
    if last is None:
        return 0
    match loss:
        case PrefixLoss.NOTHING:
            return last.usage.total_tokens
        case PrefixLoss.FROM_FIRST_ANSWER:
            front = parts.messages[: _first_answer(parts.messages[: last.messages])]
            return count_prompt(msgspec.structs.replace(parts, messages=front), counter)
        case PrefixLoss.EVERYTHING:
            return 0


def _first_answer(messages: tuple[Message, ...]) -> int:
    places = (place for place, message in enumerate(messages) if isinstance(message, AssistantMessage))
    return next(places, len(messages))


def _count_tools(tools: tuple[ToolSpec, ...], counter: TokenCounter) -> int:
    if not tools:
        return 0
    texts = (f"{tool.name} {tool.description} {bytes(tool.parameters).decode()}" for tool in tools)
    return _TOOLS_TOKENS + sum(counter.count(text) for text in texts)


def _count_messages(messages: Iterable[Message], mode: ThinkingMode, counter: TokenCounter) -> int:
    return sum(_MESSAGE_TOKENS + _count_message(message, mode, counter) for message in messages)


def _count_message(message: Message, mode: ThinkingMode, counter: TokenCounter) -> int:
    match message:
        case Pack():
            return message.tokens
        case UserMessage():
            return counter.count(message.text)
        case ToolMessage():
            return counter.count(message.content)
        case AssistantMessage():
            reasoning = 0 if _drops_reasoning(mode) else counter.count(message.reasoning)
            calls = sum(_CALL_TOKENS + counter.count(call.name + call.arguments) for call in message.tool_calls)
            return counter.count(message.content) + reasoning + calls


def _drops_reasoning(mode: ThinkingMode) -> bool:
    """Without thinking the server leaves earlier reasoning out of the prompt."""
    return mode is ThinkingMode.NON_THINK
