"""Whether leaked markup is the model's own, or only said again after a file, a command or the user."""

from __future__ import annotations

from collections.abc import Sequence

from dsterm.core.messages import RequestMessage, ToolMessage, UserMessage


def is_echo(markup: str, messages: Sequence[RequestMessage]) -> bool:
    """Whether every line of `markup` stands in one of the texts that the model was given: then it is a quotation, not a call.

    Lines are looked for one by one, since tools put numbers before them.
    """
    lines = {line.strip() for line in markup.splitlines()} - {""}
    return any(all(line in text for line in lines) for text in map(_given, messages) if text)


def _given(message: RequestMessage) -> str:
    match message:
        case ToolMessage():
            return message.content
        case UserMessage():
            return message.text
        case _:
            return ""
