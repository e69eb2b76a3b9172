"""One `chat.completion.chunk` after another, read into Deltas.

Everything in a chunk may be missing or null; what can't be read at all ends the stream with a failure.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dsterm.core.provider import (
    Alive,
    Delta,
    Ended,
    Failure,
    FailureKind,
    ReasoningPiece,
    ServedBy,
    StopReason,
    TextPiece,
    ToolCallPiece,
    UsagePiece,
)
from dsterm.llm.failures import from_error_object
from dsterm.llm.origin import Origin, clean
from dsterm.llm.usage_count import read_usage

DONE = b"[DONE]"
MAX_ANSWER = 64 * 1024 * 1024
"""The most characters of one answer, reasoning and arguments included, before the stream is given up."""

_NOTHING = msgspec.Raw()
_EMPTY = (b"", b"null", b"{}", b'""', b"false")
_ALIVE = Alive()
_CALL_SIZE = 64
_LONGEST_NAME = 200
_REASONING_FIELDS = ("reasoning_content", "reasoning", "reasoning_details")


class _Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | dict[str, object] | None = None


class _ToolCall(msgspec.Struct, gc=False):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Part(msgspec.Struct, gc=False):
    text: str | None = None
    summary: str | None = None


class _Delta(msgspec.Struct, gc=False):
    content: str | list[_Part | None] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[_Part | str | None] | None = None
    tool_calls: list[_ToolCall | None] | None = None
    function_call: _Function | None = None


class _Choice(msgspec.Struct, gc=False):
    index: int | None = None
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice | None] | None = None
    id: str | None = None
    model: str | None = None
    usage: msgspec.Raw = _NOTHING
    error: msgspec.Raw = _NOTHING
    message: msgspec.Raw = _NOTHING


_CHUNK = msgspec.json.Decoder(_Chunk)
_LAX_CHUNK = msgspec.json.Decoder(_Chunk, strict=False)


class ChunkReader:
    """Reads the data of events into Deltas and remembers how the stream ended.

    `fields` names where reasoning may stand, in the order to look. `is_over` is set by `[DONE]` and by a failure. Of several
    choices the first is read.
    """

    def __init__(self, origin: Origin, fields: Sequence[str], cap: int = MAX_ANSWER) -> None:
        self.is_over = False
        self._origin = origin
        self._fields = tuple(dict.fromkeys((*fields, *_REASONING_FIELDS)))
        self._room = cap
        self._cap = cap
        self._model = ""
        self._id = ""
        self._choice: int | None = None
        self._finish_reason = ""
        self._is_done = False
        self._has_tool_calls = False
        self._failure: Failure | None = None

    def read(self, data: bytes, *, is_last: bool = False) -> list[Delta]:
        """The Deltas in one event; with `is_last` an event that can't be read was cut short and counts as absent."""
        if data.startswith(DONE) and data.strip() == DONE:
            self.is_over = self._is_done = True
            return []
        try:
            chunk = _decode(data)
        except (msgspec.DecodeError, RecursionError) as error:
            if not is_last and data.strip():
                self.give_up(_unreadable(self._origin, error))
            return []
        if _is_error(chunk):
            self.give_up(from_error_object(self._origin, _told(data)))
            return []
        deltas = self._deltas(chunk)
        if self._room < 0:
            self.give_up(_too_long(self._origin, self._cap))
        return deltas

    def end(self) -> Ended:
        """Why the stream ended, once no more events come."""
        if self._failure is not None:
            return Ended(stop=StopReason.FAILED, failure=self._failure)
        match self._finish_reason if self.has_finish_reason else "":
            case "":
                return Ended(stop=StopReason.CUT, failure=_cut(self._origin))
            case "stop" | "function_call" if self._has_tool_calls:
                return Ended(stop=StopReason.TOOL_CALLS)
            case "stop" | "tool_calls" | "length" | "content_filter" | "insufficient_system_resource" as known:
                return Ended(stop=StopReason(known))
            case unknown:
                reason = clean(unknown, self._origin.secret)
                return Ended(stop=StopReason.FAILED, failure=_unknown_end(self._origin, reason), raw=reason)

    @property
    def has_finish_reason(self) -> bool:
        """Whether the server has said why the answer ends, and that it is over where it always does: nothing is missing."""
        return bool(self._finish_reason) and (self._is_done or not self._origin.card.ends_with_done)

    def give_up(self, failure: Failure) -> None:
        """End the stream with `failure`, whatever else is on the way."""
        self._failure = failure
        self.is_over = True

    def _deltas(self, chunk: _Chunk) -> list[Delta]:
        deltas: list[Delta] = []
        if (chunk.model and chunk.model != self._model) or (chunk.id and not self._id):
            self._model = chunk.model or self._model
            self._id = self._id or chunk.id or ""
            deltas.append(ServedBy(self._named(self._model), self._named(self._id)))
        for choice in chunk.choices or ():
            if choice is not None and self._is_ours(choice):
                if choice.delta is not None:
                    self._add_pieces(choice.delta, deltas)
                self._finish_reason = choice.finish_reason or self._finish_reason
        if bytes(chunk.usage) not in _EMPTY:
            usage = read_usage(bytes(chunk.usage), self._origin.card.cached_fields)
            if usage is not None:
                deltas.append(UsagePiece(usage=usage))
        return deltas or [_ALIVE]

    def _named(self, text: str) -> str:
        """What the server calls a thing, short enough to be shown and kept."""
        return clean(text, self._origin.secret)[:_LONGEST_NAME]

    def _is_ours(self, choice: _Choice) -> bool:
        if self._choice is None:
            self._choice = choice.index
        return choice.index is None or choice.index == self._choice

    def _add_pieces(self, delta: _Delta, deltas: list[Delta]) -> None:
        for field in self._fields:
            text = _reasoning(delta, field)
            if text:
                self._room -= len(text)
                deltas.append(ReasoningPiece(text))
                break
        content = delta.content
        if content:
            text = content if isinstance(content, str) else _joined(content)
            self._room -= len(text)
            deltas.append(TextPiece(text))
        calls = delta.tool_calls or ()
        if not calls and delta.function_call is not None:
            calls = [_ToolCall(index=0, function=delta.function_call)]
        for position, call in enumerate(calls):
            if call is not None:
                self._has_tool_calls = True
                piece = _tool_call_piece(call, position)
                self._room -= len(piece.arguments) + len(piece.name) + len(piece.id) + _CALL_SIZE
                deltas.append(piece)


def _decode(data: bytes) -> _Chunk:
    try:
        return _CHUNK.decode(data)
    except UnicodeDecodeError:
        return _CHUNK.decode(data.decode("utf-8", "replace"))
    except msgspec.ValidationError:
        # An index as text or as 0.0.
        return _LAX_CHUNK.decode(data)


def _told(data: bytes) -> object:
    """The error in `data` as far as it can be read."""
    try:
        return msgspec.json.decode(data.decode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError) as error:
        return str(error)


def _is_error(chunk: _Chunk) -> bool:
    """Some hosts send `{"error": ...}`, some the error's own fields at the top."""
    if bytes(chunk.error) not in _EMPTY:
        return True
    return chunk.choices is None and bytes(chunk.message) not in _EMPTY


def _reasoning(delta: _Delta, field: str) -> str | None:
    match field:
        case "reasoning_content":
            return delta.reasoning_content
        case "reasoning":
            return delta.reasoning
        case "reasoning_details" if delta.reasoning_details:
            return _joined(delta.reasoning_details)
        case _:
            return None


def _joined(parts: Sequence[_Part | str | None]) -> str:
    return "".join((part if isinstance(part, str) else part.text or part.summary or "") for part in parts if part)


def _tool_call_piece(call: _ToolCall, position: int) -> ToolCallPiece:
    function = call.function or _Function()
    arguments = function.arguments or ""
    return ToolCallPiece(
        index=position if call.index is None else call.index,
        id=call.id or "",
        name=function.name or "",
        arguments=arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode(),
    )


def _unreadable(origin: Origin, error: msgspec.DecodeError | RecursionError) -> Failure:
    return Failure(
        kind=FailureKind.PROTOCOL,
        message=f"{origin.card.title} sent something that is no chat completion: {error}.",
        hint="Send the prompt again; if it stays, check --base-url.",
        # Half a line of JSON was damaged on the way; a whole one of another kind is what this server always says.
        is_retryable=not isinstance(error, msgspec.ValidationError | RecursionError),
    )


def _cut(origin: Origin) -> Failure:
    return Failure(
        kind=FailureKind.CONNECTION,
        message=f"{origin.card.title} ended the stream before the answer was complete.",
        hint="Send the prompt again.",
        is_retryable=True,
    )


def _too_long(origin: Origin, cap: int) -> Failure:
    return Failure(
        kind=FailureKind.PROTOCOL,
        message=f"The answer of {origin.card.title} is longer than {cap:,} characters, so it was given up.",
        hint="Send the prompt again; if it stays, take another provider.",
    )


def _unknown_end(origin: Origin, reason: str) -> Failure:
    return Failure(
        kind=FailureKind.SERVER,
        message=f'{origin.card.title} ended the answer with "{reason}", which is no reason that dsterm knows.',
        hint="Send the prompt again.",
        is_retryable=reason == "error",
    )
