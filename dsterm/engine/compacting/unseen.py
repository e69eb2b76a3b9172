"""What the model has read and does not see any more: it must read it again before it changes it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from dsterm.context.compaction import is_stub
from dsterm.core.errors import ToolError, WorkspaceError
from dsterm.core.messages import AssistantMessage, Message, ToolCall, ToolMessage
from dsterm.engine.live import LiveSession
from dsterm.llm.repair import parse_arguments

_SHOWING = frozenset({"read", "write"})
"""Tools that leave the model with the text of a file: what it was shown, or wrote itself."""


def forget_unseen(live: LiveSession) -> None:
    """Forget the reads that do not stand in the conversation."""
    paths = set()
    for name in _seen(live.session.messages):
        with suppress(WorkspaceError):
            paths.add(live.parts.workspace.resolve(name))
    live.parts.toolbox.forget_reads(paths)


def _seen(messages: Sequence[Message]) -> set[str]:
    """The files whose text stands there, as the calls name them."""
    answered = {
        message.call_id for message in messages if isinstance(message, ToolMessage) and not is_stub(message.content)
    }
    answers = (message for message in messages if isinstance(message, AssistantMessage))
    calls = (call for answer in answers for call in answer.tool_calls)
    return {_path(call) for call in calls if call.id in answered and call.name in _SHOWING} - {""}


def _path(call: ToolCall) -> str:
    try:
        path = parse_arguments(call.arguments, only_reads=True).get("file_path")
    except ToolError:
        return ""
    return path if isinstance(path, str) else ""
