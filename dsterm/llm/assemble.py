"""Deltas put together to one assistant message."""

from __future__ import annotations

from collections.abc import Collection

from dsterm.core.messages import AssistantMessage, ToolCall
from dsterm.core.models import ThinkingMode, Usage
from dsterm.core.provider import (
    Delta,
    Ended,
    Failure,
    ReasoningPiece,
    ServedBy,
    StopReason,
    TextPiece,
    ToolCallPiece,
    UsagePiece,
)


class _OpenCall:
    """A tool call that is still being written."""

    __slots__ = ("arguments", "id", "name")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []


class Assembler:
    """Grows one message from the Deltas of one stream.

    `taken` are the tool call ids already used in the conversation: a call whose id is missing or used twice gets a new one.
    Before Ended has come, `stop` is CUT: a stream that just stops is no complete answer.
    """

    def __init__(self, taken: Collection[str] = ()) -> None:
        self.stop = StopReason.CUT
        self.failure: Failure | None = None
        self.usage: Usage | None = None
        self.served_by = ""
        self._taken = frozenset(taken)
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._calls: list[_OpenCall] = []
        self._by_index: dict[int, _OpenCall] = {}

    def feed(self, delta: Delta) -> None:
        """Take in the next Delta."""
        match delta:
            case TextPiece():
                self._content.append(delta.text)
            case ReasoningPiece():
                self._reasoning.append(delta.text)
            case ToolCallPiece():
                self._add(delta)
            case UsagePiece():
                self.usage = delta.usage
            case ServedBy():
                self.served_by = delta.model
            case Ended():
                self.stop = delta.stop
                self.failure = delta.failure
            case _:
                pass

    @property
    def content(self) -> str:
        """The answer so far."""
        return _joined(self._content)

    @property
    def reasoning(self) -> str:
        """The reasoning so far."""
        return _joined(self._reasoning)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls so far, each with an id of its own; arguments are JSON text as it came, perhaps incomplete."""
        used = set(self._taken)
        offered = {call.id for call in self._calls}
        calls = []
        for call in self._calls:
            call_id = call.id if call.id and call.id not in used else _new_id(used | offered)
            used.add(call_id)
            calls.append(ToolCall(id=call_id, name=call.name, arguments="".join(call.arguments)))
        return tuple(calls)

    def message(self, model: str, mode: ThinkingMode, is_cut: bool = False) -> AssistantMessage:
        """The message for the conversation; a cut one has no tool calls, since their arguments may be half written."""
        return AssistantMessage(
            content=self.content,
            reasoning=self.reasoning,
            tool_calls=() if is_cut else self.tool_calls,
            model=model,
            mode=mode,
            is_cut=is_cut,
        )

    def _add(self, piece: ToolCallPiece) -> None:
        call = self._by_index.get(piece.index)
        if call is None or _begins_another(call, piece):
            call = _OpenCall()
            self._calls.append(call)
            self._by_index[piece.index] = call
        call.id = call.id or piece.id
        call.name = call.name or piece.name
        if piece.arguments:
            call.arguments.append(piece.arguments)


def _begins_another(call: _OpenCall, piece: ToolCallPiece) -> bool:
    """Some hosts give every call the same index: a new id, or a new name after arguments, starts the next one."""
    if piece.id and call.id:
        return piece.id != call.id
    is_named_again = bool(piece.name and call.name and call.arguments)
    return is_named_again and (bool(piece.id) or piece.name != call.name)


def _joined(parts: list[str]) -> str:
    """All parts as one text, which replaces them, so that the next reading has less to join."""
    if len(parts) > 1:
        parts[:] = ["".join(parts)]
    return parts[0] if parts else ""


def _new_id(used: set[str]) -> str:
    number = 1
    while f"call_{number}" in used:
        number += 1
    return f"call_{number}"
