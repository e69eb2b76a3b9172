"""Messages to a request: what was said, in the order it was said, made valid, and only if it fits the model's window."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from dsterm.context.valid_history import repair_history
from dsterm.core.errors import ContextOverflow
from dsterm.core.messages import AssistantMessage, Message, Pack, RequestMessage, ToolMessage, UserMessage
from dsterm.core.models import ModelCard, ThinkingMode
from dsterm.core.provider import Request, ResponseFormat
from dsterm.core.tools import ToolSpec

__all__ = ["WindowParts", "build_request", "output_room", "repair_history"]

_MARGIN_PERCENT = 3
_MARGIN_TOKENS = 512
LEAST_OUTPUT = 1_024
"""Tokens that must be left for an answer; with fewer, no request is made."""


class WindowParts(msgspec.Struct, frozen=True, kw_only=True):
    """What a request is made of; `max_output` is the user's cap on the answer in tokens, `response_format` what the provider is
    asked for.
    """

    system: str
    tools: tuple[ToolSpec, ...]
    messages: tuple[Message, ...]
    model: ModelCard
    mode: ThinkingMode
    max_output: int
    response_format: ResponseFormat | None = None


def build_request(parts: WindowParts, prompt_tokens: int, load_pack: Callable[[str], str]) -> Request:
    """The request for `parts`, whose prompt is estimated at `prompt_tokens`; packs are read by digest with `load_pack`.

    The history is made valid first. ContextOverflow, with figures, when no answer would fit; DiskError when a pack is gone.
    """
    max_tokens = min(parts.max_output, parts.model.max_output, output_room(parts.model, prompt_tokens))
    if max_tokens < min(parts.max_output, LEAST_OUTPUT):
        raise ContextOverflow(
            f"This conversation is about {prompt_tokens:,} tokens; with room for an answer that doesn't fit the"
            f" {parts.model.context_window:,} tokens of {parts.model.short_title}. /detach a repository, or begin anew with /new."
        )
    return Request(
        model=parts.model,
        mode=parts.mode,
        system=parts.system,
        tools=parts.tools,
        messages=tuple(_sent(message, load_pack) for message in repair_history(parts.messages)),
        max_tokens=max_tokens,
    )


def output_room(model: ModelCard, prompt_tokens: int) -> int:
    """Tokens left for an answer beside a prompt of about `prompt_tokens`, with a margin for the estimate; may be negative."""
    margin = -(-prompt_tokens * _MARGIN_PERCENT // 100) + _MARGIN_TOKENS
    return model.context_window - prompt_tokens - margin


def _sent(message: Message, load_pack: Callable[[str], str]) -> RequestMessage:
    match message:
        case Pack():
            return UserMessage(text=load_pack(message.digest))
        case UserMessage() | AssistantMessage() | ToolMessage():
            return message
