"""A forecast taken apart: which part of the prompt has how many tokens, and which of them the cache likely has. Pure.

The cache holds the front of a prompt, so its hits are given to the parts in their order, to the token.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import msgspec
from msgspec.structs import replace

from dsterm.context.prompt_count import PromptCounter
from dsterm.context.window import WindowParts
from dsterm.core.messages import AssistantMessage, Pack, ToolMessage, UserMessage
from dsterm.core.services import TokenCounter

_SAID = "messages"


class ForecastRow(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the prompt: its tokens, and how many of them likely come from the cache. `number` is of messages
    in it, of files in a pack, of tools.
    """

    name: str
    tokens: int
    cached: int = 0
    number: int = 0

    @property
    def new(self) -> int:
        """Tokens that are read anew."""
        return self.tokens - self.cached


def prompt_rows(parts: WindowParts, counter: TokenCounter, cached: int) -> list[ForecastRow]:
    """The parts of the prompt by our own count, those that stand at several places summed; `cached` tokens are at its front."""
    pieces = [*_head(parts, counter), *_messages(parts, counter)]
    found: dict[str, ForecastRow] = {}
    for piece in pieces:
        hits = min(cached, piece.tokens)
        cached -= hits
        former = found.get(piece.name, replace(piece, tokens=0, number=0))
        found[piece.name] = replace(
            former,
            tokens=former.tokens + piece.tokens,
            cached=former.cached + hits,
            number=former.number + piece.number,
        )
    return list(found.values())


def _head(parts: WindowParts, counter: TokenCounter) -> Iterable[ForecastRow]:
    plain = replace(parts, messages=(), tools=())
    system = PromptCounter(counter).count(plain)
    yield ForecastRow(name="system text", tokens=system)
    if parts.tools:
        tokens = PromptCounter(counter).count(replace(parts, messages=())) - system
        yield ForecastRow(name="tools", tokens=tokens, number=len(parts.tools))


def _messages(parts: WindowParts, counter: TokenCounter) -> Iterable[ForecastRow]:
    """Group by group: an answer and what follows it. The template's own tokens count as messages."""
    counted = PromptCounter(counter)
    messages = parts.messages
    starts = [place for place, message in enumerate(messages) if isinstance(message, AssistantMessage)]
    edges = sorted({0, *starts, len(messages)})
    before = counted.count(parts, 0)
    for start, end in pairwise(edges):
        after = counted.count(parts, end)
        pieces = [
            _piece(message, counter) for message in messages[start:end] if not isinstance(message, AssistantMessage)
        ]
        rest = after - before - sum(piece.tokens for piece in pieces)
        yield ForecastRow(name=_SAID, tokens=max(rest, 0), number=int(start in starts))
        yield from pieces
        before = after


def _piece(message: UserMessage | ToolMessage | Pack, counter: TokenCounter) -> ForecastRow:
    match message:
        case Pack():
            return ForecastRow(name=message.source, tokens=message.tokens, number=message.files)
        case ToolMessage():
            return ForecastRow(name="tool results", tokens=counter.count(message.content), number=1)
        case UserMessage():
            return ForecastRow(name=_SAID, tokens=counter.count(message.text), number=1)
