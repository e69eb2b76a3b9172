"""What fills the window, category by category: the pieces of the prompt in their order, their sum being the count of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import msgspec
from msgspec.structs import replace

from dsterm.context.prompt_count import PromptCounter
from dsterm.context.valid_history import repair_history
from dsterm.context.window import WindowParts
from dsterm.core.messages import AssistantMessage, Message, Pack, ToolMessage, UserMessage
from dsterm.core.models import ThinkingMode
from dsterm.core.report_events import Role
from dsterm.core.services import TokenCounter


class WindowShare(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of the prompt, or several of one kind: `name` tells kinds of one role apart, `cached` of its tokens are likely in
    the provider's cache, `number` is of messages, tools or files.
    """

    role: Role
    name: str = ""
    tokens: int
    cached: int = 0
    number: int = 1


class WindowFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the messages alone do not tell: the system text without the instructions, and tokens of mentions by the text that they
    are part of.
    """

    system: str
    mentions: Mapping[str, int] = {}


def window_shares(parts: WindowParts, counter: TokenCounter, facts: WindowFacts, cached: int = 0) -> list[WindowShare]:
    """The prompt of `parts` taken apart, each kind summed; of the whole the first `cached` tokens are given to the pieces they
    fall on. The sum of all tokens is `count_prompt(parts, counter)`.
    """
    found: dict[tuple[Role, str], WindowShare] = {}
    for piece in (*_head(parts, counter, facts), *_messages(parts, counter, facts)):
        hits = min(cached, max(piece.tokens, 0))
        cached -= hits
        key = piece.role, piece.name
        former = found.get(key, replace(piece, tokens=0, number=0))
        tokens, number = former.tokens + piece.tokens, former.number + piece.number
        found[key] = replace(former, tokens=tokens, cached=former.cached + hits, number=number)
    return [share for share in found.values() if share.tokens]


def _head(parts: WindowParts, counter: TokenCounter, facts: WindowFacts) -> Iterator[WindowShare]:
    counted = PromptCounter(counter)
    bare = replace(parts, messages=(), tools=(), response_format=None)
    whole = counted.count(replace(parts, messages=()))
    system, own = counted.count(bare), counted.count(replace(bare, system=facts.system))
    yield WindowShare(role=Role.SYSTEM, tokens=own)
    yield WindowShare(role=Role.INSTRUCTIONS, tokens=system - own)
    yield WindowShare(role=Role.TOOLS, tokens=whole - system, number=len(parts.tools))


def _messages(parts: WindowParts, counter: TokenCounter, facts: WindowFacts) -> Iterator[WindowShare]:
    """Group by group, an answer and what follows it, as they are sent: what the template adds counts with the answer, or with
    the first words.
    """
    starts = [place for place, message in enumerate(parts.messages) if isinstance(message, AssistantMessage)]
    ends = [*starts, len(parts.messages)]
    groups = [repair_history(parts.messages[start:end]) for start, end in pairwise([0, *ends])]
    names = _tool_names(message for group in groups for message in group)
    spoken = replace(parts, mode=ThinkingMode.NON_THINK)
    counted = PromptCounter(counter)
    thinks_from = _thinks_from(parts, groups)
    before = counted.count(spoken, 0)
    for place, (group, end) in enumerate(zip(groups, ends, strict=True)):
        after = counted.count(spoken, end)
        said = [piece for message in group for piece in _pieces(message, counter, names, facts)]
        rest = after - before - sum(piece.tokens for piece in said)
        before = after
        first = group[0] if group else None
        if not isinstance(first, AssistantMessage):
            yield WindowShare(role=Role.WORDS, tokens=rest, number=0)
        else:
            if place >= thinks_from:
                yield WindowShare(role=Role.REASONING, tokens=1 + counter.count(first.reasoning or " "))
            yield WindowShare(role=Role.ANSWERS, tokens=rest)
        yield from said


def _thinks_from(parts: WindowParts, groups: Sequence[Sequence[Message]]) -> int:
    """The number of the first group whose reasoning stays: without tools it must be newer than all words and results."""
    if parts.mode is ThinkingMode.NON_THINK:
        return len(groups)
    if parts.tools:
        return 0
    return max((place + 1 for place, group in enumerate(groups) if _has_others(group)), default=0)


def _has_others(group: Iterable[Message]) -> bool:
    return any(not isinstance(message, AssistantMessage) for message in group)


def _pieces(
    message: Message, counter: TokenCounter, names: Mapping[str, str], facts: WindowFacts
) -> Iterable[WindowShare]:
    match message:
        case Pack():
            yield WindowShare(role=Role.PACK, name=message.digest, tokens=message.tokens, number=message.files)
        case ToolMessage():
            tokens = counter.count(message.content)
            yield WindowShare(role=Role.RESULTS, name=names.get(message.call_id, ""), tokens=tokens)
        case UserMessage() if message.repo:
            yield WindowShare(role=Role.CHANGES, tokens=counter.count(message.text))
        case UserMessage():
            tokens = counter.count(message.text)
            mentioned = min(facts.mentions.get(message.text, 0), tokens)
            yield WindowShare(role=Role.MENTIONS, tokens=mentioned, number=int(mentioned > 0))
            yield WindowShare(role=Role.WORDS, tokens=tokens - mentioned)
        case AssistantMessage():
            pass


def _tool_names(messages: Iterable[Message]) -> dict[str, str]:
    return {
        call.id: call.name
        for message in messages
        if isinstance(message, AssistantMessage)
        for call in message.tool_calls
    }
