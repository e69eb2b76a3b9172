"""The conversation as a model sees it: user, assistant and tool messages, and attached packs.

A message knows nothing of screens, files or sessions; what the log stores and what a request carries are the same values.
"""

from __future__ import annotations

import msgspec

from dsterm.core.attachments import PackChoice
from dsterm.core.models import ThinkingMode


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """The model's request to run a tool; `arguments` is the JSON text exactly as it was sent."""

    id: str
    name: str
    arguments: str


class UserMessage(msgspec.Struct, frozen=True, kw_only=True, tag="user"):
    """What the user said, with what dsterm added for the model.

    `repo` is the digest of the pack whose later changes it tells, where it does; it goes out with that pack.
    """

    text: str
    repo: str = ""


class AssistantMessage(msgspec.Struct, frozen=True, kw_only=True, tag="assistant"):
    """What the model said: the answer, the reasoning before it, and the tools it asked for.

    `is_cut` marks text of a stream that ended before its time; it is kept for the reader and for the model.
    """

    content: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    model: str = ""
    mode: ThinkingMode = ThinkingMode.THINK
    is_cut: bool = False


class ToolMessage(msgspec.Struct, frozen=True, kw_only=True, tag="tool"):
    """The answer to one tool call."""

    call_id: str
    content: str


class Pack(msgspec.Struct, frozen=True, kw_only=True, tag="pack"):
    """An attached repository, frozen: its text is kept by `digest` (SHA-256 of its UTF-8 bytes) in the pack folder.

    `files` and `tokens` count what is inside, `size` is in bytes, `commit` is empty for a plain folder. `choice` is what of the
    source was taken. `place` is its folder in the workspace ("" is the root), None where tools can't reach it; `is_followed`:
    what changes there later is told as diffs.
    """

    digest: str
    source: str
    commit: str = ""
    is_dirty: bool = False
    files: int = 0
    tokens: int = 0
    size: int = 0
    choice: PackChoice | None = None
    place: str | None = None
    is_followed: bool = False


Message = UserMessage | AssistantMessage | ToolMessage | Pack
"""Any entry of a conversation; a Pack becomes a user message when the request is built."""

RequestMessage = UserMessage | AssistantMessage | ToolMessage
"""What a request carries."""
