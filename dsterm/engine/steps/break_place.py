"""The name of the message at which a request stops to continue the one before it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dsterm.core.messages import AssistantMessage, RequestMessage, ToolMessage, UserMessage

_LONGEST = 60
_SUBJECTS = ("file_path", "path", "pattern", "command")
"""Arguments that say best what a call was about."""


def place_name(messages: Sequence[RequestMessage], same: int) -> str:
    """`message 14, the result of read src/app.py`: the first after `same` that are as they were; or the end of a shorter one."""
    if same >= len(messages):
        return f"after message {len(messages)}, which is the last now"
    match messages[same]:
        case AssistantMessage():
            what = "an answer"
        case ToolMessage(call_id=call_id):
            what = f"the result of {_call_name(messages[:same], call_id)}"
        case UserMessage(text=text):
            what = f"the text “{_short(text)}”"
    return f"message {same + 1}, {what}"


def _call_name(messages: Sequence[RequestMessage], call_id: str) -> str:
    for message in reversed(messages):
        if isinstance(message, AssistantMessage):
            for call in message.tool_calls:
                if call.id == call_id:
                    return f"{call.name} {_subject(call.arguments)}".rstrip()
    return "a tool call"


def _subject(arguments: str) -> str:
    try:
        found = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    if not isinstance(found, dict):
        return ""
    return next((_short(found[name]) for name in _SUBJECTS if isinstance(found.get(name), str)), "")


def _short(text: str) -> str:
    line = " ".join(text[: _LONGEST * 4].split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
