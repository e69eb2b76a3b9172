"""Deltas put together to one assistant message."""

from __future__ import annotations

from collections.abc import Collection

from dsterm.core.messages import AssistantMessage, ToolCall
from dsterm.core.models import ThinkingMode, Usage
from dsterm.core.provider import (
    Delta,
    Ended,
    Failure,
    FailureKind,
    LeakedMarkup,
    ReasoningPiece,
    ServedBy,
    StopReason,
    TextPiece,
    ToolCallPiece,
    UsagePiece,
    WasReasoning,
)

MAX_CALLS = 256
"""The most tool calls of one message; with more of them the answer is given up."""

_LONGEST_NAME = 256
_LONGEST_ID = 1024


_TOO_MANY = Failure(
    kind=FailureKind.PROTOCOL,
    message=f"The answer holds more than {MAX_CALLS} tool calls, so it was given up.",
    hint="Send the prompt again; if it stays, take another model or provider.",
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
        self.response_id = ""
        self._leaked: list[LeakedMarkup] = []
        self._taken = frozenset(taken)
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._calls: list[_OpenCall] = []
        self._by_index: dict[int, _OpenCall] = {}
        self._by_place: dict[tuple[int, str], _OpenCall] = {}

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
                self.served_by = delta.model or self.served_by
                self.response_id = delta.id or self.response_id
            case LeakedMarkup():
                self._leaked.append(delta)
            case WasReasoning():
                self._reasoning += self._content
                self._content.clear()
            case Ended():
                self.stop = StopReason.FAILED if self.failure else delta.stop
                self.failure = self.failure or delta.failure
            case _:
                pass

    @property
    def leaked(self) -> tuple[LeakedMarkup, ...]:
        """The markup that was taken out of the answer."""
        return tuple(self._leaked)

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
            call_id = call.id if _is_id(call.id) and call.id not in used else _new_id(used | offered)
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
            # Hosts that leave the index out may write at several calls in turn.
            call = self._by_place.get((piece.index, piece.id)) if piece.id else None
            if call is None and len(self._calls) == MAX_CALLS:
                self.stop, self.failure = StopReason.FAILED, _TOO_MANY
                return
            if call is None:
                call = _OpenCall()
                self._calls.append(call)
            self._by_index[piece.index] = call
        if piece.id and not call.id:
            call.id = piece.id
            self._by_place[piece.index, piece.id] = call
        call.name = _grown(call, piece.name)
        if piece.arguments:
            call.arguments.append(piece.arguments)


def _begins_another(call: _OpenCall, piece: ToolCallPiece) -> bool:
    """Some hosts give every call the same index: a new id, or a new name after arguments, starts the next one."""
    if piece.id and call.id:
        return piece.id != call.id
    is_named_again = bool(piece.name and call.name and call.arguments)
    return is_named_again and (bool(piece.id) or piece.name != call.name)


def _grown(call: _OpenCall, name: str) -> str:
    """The name with its next piece: more of it, all of it again, or all of it so far."""
    if not name or name == call.name or call.arguments or len(call.name) + len(name) > _LONGEST_NAME:
        return call.name or name[:_LONGEST_NAME]
    return name if name.startswith(call.name) else call.name + name


def _is_id(text: str) -> bool:
    """Whether `text` can be kept and sent back as the id of a call."""
    return 0 < len(text) <= _LONGEST_ID and text.isprintable()


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
