"""What streams by: pieces of an answer and of progress, for screens, and the durable MessageProgress that a crash leaves.

Kept beside core.events, whose Event union they belong to.
"""

from __future__ import annotations

import msgspec


class TextDelta(msgspec.Struct, frozen=True, tag="TextDelta"):
    """More of the answer, for screens."""

    text: str


class ReasoningDelta(msgspec.Struct, frozen=True, tag="ReasoningDelta"):
    """More of the reasoning, for screens."""

    text: str


class ToolCallDelta(msgspec.Struct, frozen=True, kw_only=True, tag="ToolCallDelta"):
    """A tool call is being written: its name and how many characters of arguments there are so far."""

    index: int
    name: str
    characters: int


class MessageProgress(msgspec.Struct, frozen=True, kw_only=True, tag="MessageProgress"):
    """What was streamed since the last one, at most once a second, so that a crash loses at most a second."""

    content: str = ""
    reasoning: str = ""


class ToolProgress(msgspec.Struct, frozen=True, kw_only=True, tag="ToolProgress"):
    """Output of a running tool, for screens."""

    id: str
    text: str


class WorkProgress(msgspec.Struct, frozen=True, tag="WorkProgress"):
    """How far a long piece of dsterm's own work is (cloning, counting), for screens; the next one replaces it."""

    text: str
