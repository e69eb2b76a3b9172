"""Tokens of a whole request: the model's template around system text, tools and messages, and what of the reasoning stays.

With the vocabulary loaded the count is that of the template of DeepSeek's own library, but for a token here and there.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import compress, count
from operator import is_not
from typing import NamedTuple

import msgspec

from dsterm.context.rendered_call import call_pieces, python_json
from dsterm.context.valid_history import repair_history
from dsterm.context.window import WindowParts
from dsterm.core.messages import AssistantMessage, Message, Pack, ToolMessage, UserMessage
from dsterm.core.models import ModelCard, ThinkingMode
from dsterm.core.provider import ResponseFormat
from dsterm.core.services import TokenCounter
from dsterm.core.tools import ToolSpec

_BEGIN_TOKENS = 1
_TURN_TOKENS = 2
_ANSWER_TOKENS = 3
_TOOLS_TOKENS = 222
_ANY_OBJECT_TOKENS = 20
_SCHEMA_TOKENS = 17
_EFFORT_TOKENS = {"low": 0, "medium": 79, "high": 79, "xhigh": 79, "max": 92}
_USUAL_EFFORT = {ThinkingMode.NON_THINK: "low", ThinkingMode.THINK: "low", ThinkingMode.THINK_MAX: "max"}


def count_prompt(parts: WindowParts, counter: TokenCounter) -> int:
    """Tokens of the whole prompt by our own count. Where it is asked again and again, keep a PromptCounter."""
    return PromptCounter(counter).count(parts)


def effort_tokens(model: ModelCard, mode: ThinkingMode) -> int:
    """Tokens of the words about effort that stand before everything, by what is sent to ask for `mode`."""
    if mode is ThinkingMode.NON_THINK:
        return 0
    return _EFFORT_TOKENS.get(_effort(model, mode), _EFFORT_TOKENS[_USUAL_EFFORT[mode]])


class _Sums(NamedTuple):
    """Tokens up to a place in the conversation: `said`, the reasoning, what of that lies before the newest prompt or result."""

    said: int = 0
    thought: int = 0
    forgotten: int = 0


class _Counted(NamedTuple):
    message: Message
    said: int
    thought: int = 0


_Known = dict[tuple[int, bool], _Counted]
"""Counted messages by their identity and whether another one of the same side follows."""


class PromptCounter:
    """Counts the prompts of one conversation, each message once: asked again with some more messages, it counts only those.

    Messages are told by identity. It may be used from any thread, but from one at a time.
    """

    def __init__(self, counter: TokenCounter) -> None:
        self._counter = counter
        self._forget()

    def _forget(self) -> None:
        self._is_exact = self._counter.is_exact
        self._messages: tuple[Message, ...] = ()
        self._starts = [0]
        """Where each group begins: an assistant message with what follows it; the first may begin without one."""
        self._sums = [_Sums()]
        """What comes before each group, and before what would follow the last."""
        self._known: _Known = {}
        """The messages that were counted last, so held that no other object gets the identity of one of them."""
        self._head: tuple[tuple[str, tuple[ToolSpec, ...], ResponseFormat | None], int] | None = None

    def count(self, parts: WindowParts, front: int | None = None) -> int:
        """Tokens of the prompt of `parts`; with `front` of one that has only so many of the messages, the first ones."""
        self._renew()
        head = _BEGIN_TOKENS + effort_tokens(parts.model, parts.mode) + self._count_head(parts)
        return head + self._said(parts, front) + _TURN_TOKENS

    def count_messages(self, parts: WindowParts, begin: int = 0) -> int:
        """Tokens that the messages from the one of number `begin` on add to the prompt."""
        self._renew()
        return self._said(parts) - self._said(parts, begin)

    def _renew(self) -> None:
        """What was estimated is counted again once the vocabulary is there."""
        if self._is_exact != self._counter.is_exact:
            self._forget()

    def _said(self, parts: WindowParts, front: int | None = None) -> int:
        self._follow(parts.messages)
        sums = self._sums_at(len(parts.messages) if front is None else min(front, len(parts.messages)))
        if parts.mode is ThinkingMode.NON_THINK:
            return sums.said
        return sums.said + sums.thought - (0 if parts.tools else sums.forgotten)

    def _follow(self, messages: tuple[Message, ...]) -> None:
        """Make the sums those of `messages`; the groups that are the same are not counted again."""
        shared = min(len(self._messages), len(messages))
        same = next(compress(count(), map(is_not, self._messages, messages)), shared)
        if same == len(self._messages) == len(messages):
            return
        group = max(0, bisect_right(self._starts, same - 1) - 1)
        begin = self._starts[group]
        del self._starts[group:], self._sums[group + 1 :]
        fresh: _Known = {}
        starts = [begin]
        starts += (place for place in range(begin + 1, len(messages)) if isinstance(messages[place], AssistantMessage))
        for start, end in zip(starts, [*starts[1:], len(messages)], strict=True):
            self._starts.append(start)
            self._sums.append(self._add(self._sums[-1], messages[start:end], fresh))
        self._messages, self._known = messages, fresh

    def _sums_at(self, front: int) -> _Sums:
        if front == len(self._messages):
            return self._sums[-1]
        group = max(0, bisect_right(self._starts, front) - 1)
        return self._add(self._sums[group], self._messages[self._starts[group] : front], {})

    def _add(self, before: _Sums, group: Sequence[Message], fresh: _Known) -> _Sums:
        said, thought, forgotten = before
        sent = repair_history(group)
        is_open = False
        for place, message in enumerate(sent):
            is_answer = isinstance(message, AssistantMessage)
            is_followed = not is_answer and place + 1 < len(sent)
            key = id(message), is_followed
            fresh[key] = counted = self._known.get(key) or self._count(message, is_followed)
            said += counted.said + (not is_answer and not is_open)
            thought += counted.thought
            is_open = not is_answer
            if not is_answer:
                forgotten = thought
        return _Sums(said, thought, forgotten)

    def _count(self, message: Message, is_followed: bool) -> _Counted:
        """Tokens of a message; the blank line before the next one of the same side is counted with it."""
        end = "\n\n" if is_followed else ""
        match message:
            case Pack():
                return _Counted(message, message.tokens)
            case UserMessage():
                return _Counted(message, self._counter.count(message.text + end))
            case ToolMessage():
                return _Counted(message, self._counter.count(f"<tool_result>{message.content}</tool_result>{end}"))
            case AssistantMessage():
                thought = 1 + self._counter.count(message.reasoning or " ")
                return _Counted(message, _ANSWER_TOKENS + self._count_answer(message), thought)

    def _count_answer(self, message: AssistantMessage) -> int:
        if not message.tool_calls:
            return self._counter.count(message.content)
        pieces = list(call_pieces(message.content, message.tool_calls))
        return len(pieces) - 1 + sum(map(self._counter.count, pieces))

    def _count_head(self, parts: WindowParts) -> int:
        """System text, tools, and the words about the form of the answer."""
        key = parts.system, parts.tools, parts.response_format
        if self._head is None or self._head[0] != key:
            has_more = bool(parts.tools or parts.response_format)
            tokens = self._counter.count(f"{parts.system}\n\n" if has_more else parts.system)
            tokens += self._count_tools(parts.tools) + self._count_format(parts.response_format)
            self._head = key, tokens
        return self._head[1]

    def _count_tools(self, tools: tuple[ToolSpec, ...]) -> int:
        if not tools:
            return 0
        return _TOOLS_TOKENS - 1 + self._counter.count("\n".join(map(_schema, tools)) + "\n\n")

    def _count_format(self, wanted: ResponseFormat | None) -> int:
        if wanted is None:
            return 0
        if wanted.schema is None:
            return _ANY_OBJECT_TOKENS
        return _SCHEMA_TOKENS + self._counter.count(python_json(msgspec.json.decode(wanted.schema)))


def _schema(tool: ToolSpec) -> str:
    """A tool as the template shows it."""
    shown: dict[str, object] = {"name": tool.name, "description": tool.description}
    if bytes(tool.parameters):
        shown["parameters"] = msgspec.json.decode(tool.parameters)
    return python_json(shown)


def _effort(model: ModelCard, mode: ThinkingMode) -> str:
    body = model.mode_bodies.get(mode, {})
    for field in ("reasoning_effort", "reasoning"):
        if field in body:
            value: object = msgspec.json.decode(body[field])
            word = value.get("effort") if isinstance(value, dict) else value
            if isinstance(word, str):
                return word
    return ""
