"""What compacting would replace, and what it would come to: the messages, the tokens, the dollars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from dsterm.context.compaction import choose_keeps, compacted, parted, pruned, replaced, shared_front
from dsterm.context.compaction_price import CompactionQuote, quote
from dsterm.context.compaction_text import SUMMARY_WORDS, summary_message
from dsterm.context.prompt_count import count_prompt
from dsterm.core.events import StepEnded, TurnStarted
from dsterm.core.messages import AssistantMessage, Message, Pack, ToolMessage, UserMessage
from dsterm.engine.branch import branch
from dsterm.engine.compacting.standing import standing
from dsterm.engine.live import LiveSession
from dsterm.engine.steps.requests import forecast_next, window_parts

_MOST_KEPT = 8_000
_KEPT_PART = 8
"""Of the conversation so many tokens stay as they are, on a small window one part in so many of it."""

_PROMPT_CHARACTERS = 16_000
SUMMARY_TOKENS = SUMMARY_WORDS * 4 // 3
LEAST_SAVED = 400
"""Tokens; for less nothing is replaced."""


class CompactionPlan(msgspec.Struct, frozen=True):
    """The last `keeps` messages stay, which are `late`, and a summary stands for those of `replaced`. Tokens of the next prompt:
    about `after`, the first `shared` as they are now.
    """

    keeps: int
    replaced: tuple[Message, ...]
    late: tuple[Message, ...]
    after: int
    shared: int


def weigher(live: LiveSession) -> Callable[[Message], int]:
    """Tells the tokens of a message by our own count."""
    count = live.parts.counter.count

    def weigh(message: Message) -> int:
        match message:
            case Pack():
                return message.tokens
            case UserMessage():
                return count(message.text)
            case ToolMessage():
                return count(message.content)
            case AssistantMessage():
                calls = sum(count(call.name + call.arguments) for call in message.tool_calls)
                return count(message.content) + count(message.reasoning) + calls

    return weigh


def plan_compaction(live: LiveSession) -> CompactionPlan | None:
    """What to replace now; None where there is nothing to gain."""
    messages, newest, weigh = live.session.messages, live.session.newest_words, weigher(live)
    most = min(_MOST_KEPT, live.card(live.model).context_window // _KEPT_PART)
    keeps = choose_keeps(messages, newest, most, weigh)
    gone = replaced(messages, keeps, newest)
    if not gone:
        return None
    late = parted(messages, keeps)[1]
    then = compacted(messages, keeps, newest, summary_message(standing(live, late), "", prompt_room(live)))
    after, shared = scaled(live, then, min(SUMMARY_TOKENS, sum(map(weigh, gone)) // 4))
    if forecast_next(live).prompt_tokens - after < LEAST_SAVED:
        return None
    return CompactionPlan(keeps, tuple(gone), tuple(late), after, shared)


def tokens_when_pruned(live: LiveSession, call_ids: Sequence[str]) -> tuple[int, int]:
    """Tokens of the next prompt with stubs for these results, and how many of the first of them are as they are now."""
    return scaled(live, pruned(live.session.messages, call_ids))


def scaled(live: LiveSession, then: Sequence[Message], more: int = 0) -> tuple[int, int]:
    """Tokens of the next prompt with the messages `then` and `more`, and of what it shares with the one that is to come now.

    Our own counts are scaled by what the server's count of this conversation says about them.
    """
    messages = live.session.messages
    ours = max(1, _count(live, messages))
    theirs = forecast_next(live).prompt_tokens
    shared = _count(live, then[: shared_front(messages, then)])
    return (_count(live, then) + more) * theirs // ours, shared * theirs // ours


def prompt_room(live: LiveSession) -> int:
    """Characters of the user's earlier prompts that are kept word for word; about a 16th of a small window."""
    return min(_PROMPT_CHARACTERS, live.card(live.model).context_window // 4)


def quoted(live: LiveSession, after: int, shared: int, summary: Decimal | None) -> CompactionQuote:
    """What it costs and saves that the next prompt becomes `after` tokens; `summary` is what the summary costs."""
    turns = requests = 0
    for envelope in branch(live.journal.envelopes):
        turns += isinstance(envelope.event, TurnStarted)
        requests += isinstance(envelope.event, StepEnded) and envelope.event.usage is not None
    price = live.card(live.model).price
    return quote(forecast_next(live), after, shared, summary, max(1.0, requests / max(1, turns)), price)


def _count(live: LiveSession, messages: Sequence[Message]) -> int:
    parts = window_parts(live, live.card(live.model), live.sending_mode)
    return count_prompt(replace(parts, messages=tuple(messages)), live.parts.counter)
