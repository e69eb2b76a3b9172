"""What every server demands of a history, made true of any history: after Esc, a crash, a cut or a change of model.

Each tool call has exactly one answer, right behind its message and in the order of the calls; no answer is without a call;
ids are unique and not empty; no assistant message is empty. A history that is valid already is returned as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from dsterm.core.messages import AssistantMessage, Message, ToolCall, ToolMessage

CANCELLED = "Cancelled by the user before it ran."
"""The answer that an unanswered tool call gets."""


def repair_history(messages: Sequence[Message]) -> tuple[Message, ...]:
    """`messages` with the least change that makes them valid; answers that came late move to their calls."""
    repaired: list[Message] = []
    seen: set[str] = set()
    for asked, following in _groups(messages):
        if asked is None:
            repaired += (message for message in following if not isinstance(message, ToolMessage))
            continue
        answers = [message for message in following if isinstance(message, ToolMessage)]
        if asked.tool_calls:
            repaired += _answered(asked, answers, seen)
        elif asked.content:
            repaired.append(asked)
        repaired += (message for message in following if not isinstance(message, ToolMessage))
    return tuple(repaired)


def _groups(messages: Iterable[Message]) -> Iterable[tuple[AssistantMessage | None, list[Message]]]:
    """Each assistant message with what follows it up to the next one; None stands before the first."""
    asked: AssistantMessage | None = None
    following: list[Message] = []
    for message in messages:
        if isinstance(message, AssistantMessage):
            yield asked, following
            asked, following = message, []
        else:
            following.append(message)
    yield asked, following


def _answered(asked: AssistantMessage, answers: list[ToolMessage], seen: set[str]) -> list[Message]:
    """The message and one answer for each of its calls, under ids that no earlier call has."""
    calls: list[ToolCall] = []
    results: list[Message] = []
    for call in asked.tool_calls:
        found = next((answer for answer in answers if answer.call_id == call.id), None)
        if found is not None:
            answers.remove(found)
        unique = _unique(call.id, seen)
        calls.append(call if unique == call.id else msgspec.structs.replace(call, id=unique))
        if found is not None and found.call_id == unique:
            results.append(found)
        else:
            results.append(ToolMessage(call_id=unique, content=CANCELLED if found is None else found.content))
    message = asked if tuple(calls) == asked.tool_calls else msgspec.structs.replace(asked, tool_calls=tuple(calls))
    return [message, *results]


def _unique(id_: str, seen: set[str]) -> str:
    name = id_ or "call"
    number = 2
    while name in seen:
        name = f"{id_ or 'call'}_{number}"
        number += 1
    seen.add(name)
    return name
