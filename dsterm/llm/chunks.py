"""One `chat.completion.chunk` after another, read into Deltas.

Everything in a chunk may be missing or null; what can't be read at all ends the stream with a failure.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dsterm.core.models import Usage
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
from dsterm.llm.failures import Origin, clean, from_error_object

DONE = b"[DONE]"

_NOTHING = msgspec.Raw()
_EMPTY = (b"", b"null", b"{}", b'""', b"false")
_ALIVE = Alive()


class _Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | dict[str, object] | None = None


class _ToolCall(msgspec.Struct, gc=False):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _ReasoningDetail(msgspec.Struct, gc=False):
    text: str | None = None
    summary: str | None = None


class _Delta(msgspec.Struct, gc=False):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[_ReasoningDetail] | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    model: str | None = None
    usage: msgspec.Raw = _NOTHING
    error: msgspec.Raw = _NOTHING
    message: msgspec.Raw = _NOTHING


class _CachedTokens(msgspec.Struct):
    cached_tokens: int | None = None


class _ReasoningTokens(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_cache_hit_tokens: int | None = None
    prompt_tokens_details: _CachedTokens | None = None
    completion_tokens_details: _ReasoningTokens | None = None


_CHUNK = msgspec.json.Decoder(_Chunk)
_USAGE = msgspec.json.Decoder(_Usage)


class ChunkReader:
    """Reads the data of events into Deltas and remembers how the stream ended.

    `fields` names where reasoning may stand, in the order to look. `is_over` is set by `[DONE]` and by a failure.
    """

    def __init__(self, origin: Origin, fields: Sequence[str]) -> None:
        self.is_over = False
        self._origin = origin
        self._fields = tuple(fields)
        self._model = ""
        self._finish_reason = ""
        self._has_tool_calls = False
        self._failure: Failure | None = None

    def read(self, data: bytes, *, is_last: bool = False) -> list[Delta]:
        """The Deltas in one event; with `is_last` an event that can't be read was cut short and counts as absent."""
        if data == DONE:
            self.is_over = True
            return []
        try:
            chunk = _decode(data)
        except msgspec.DecodeError as error:
            if not is_last:
                self.give_up(_unreadable(self._origin, str(error)))
            return []
        if _is_error(chunk):
            self.give_up(from_error_object(self._origin, msgspec.json.decode(data)))
            return []
        return self._deltas(chunk)

    def end(self) -> Ended:
        """Why the stream ended, once no more events come."""
        if self._failure is not None:
            return Ended(stop=StopReason.FAILED, failure=self._failure)
        match self._finish_reason:
            case "":
                return Ended(stop=StopReason.CUT, failure=_cut(self._origin))
            case "stop" | "function_call" if self._has_tool_calls:
                return Ended(stop=StopReason.TOOL_CALLS)
            case "stop" | "tool_calls" | "length" | "content_filter" | "insufficient_system_resource" as known:
                return Ended(stop=StopReason(known))
            case unknown:
                reason = clean(unknown)
                return Ended(stop=StopReason.FAILED, failure=_unknown_end(self._origin, reason), raw=reason)

    @property
    def has_finish_reason(self) -> bool:
        """Whether the server has said why the answer ends, so that nothing of it is missing."""
        return bool(self._finish_reason)

    def give_up(self, failure: Failure) -> None:
        """End the stream with `failure`, whatever else is on the way."""
        self._failure = failure
        self.is_over = True

    def _deltas(self, chunk: _Chunk) -> list[Delta]:
        deltas: list[Delta] = []
        if chunk.model and chunk.model != self._model:
            self._model = chunk.model
            deltas.append(ServedBy(chunk.model))
        if chunk.choices:
            choice = chunk.choices[0]
            if choice.delta is not None:
                self._add_pieces(choice.delta, deltas)
            if choice.finish_reason:
                self._finish_reason = choice.finish_reason
        usage = _usage(chunk.usage)
        if usage is not None:
            deltas.append(UsagePiece(usage=usage))
        return deltas or [_ALIVE]

    def _add_pieces(self, delta: _Delta, deltas: list[Delta]) -> None:
        for field in self._fields:
            text = _reasoning(delta, field)
            if text:
                deltas.append(ReasoningPiece(text))
                break
        if delta.content:
            deltas.append(TextPiece(delta.content))
        if delta.tool_calls:
            self._has_tool_calls = True
            deltas.extend(_tool_call_piece(call, position) for position, call in enumerate(delta.tool_calls))


def _decode(data: bytes) -> _Chunk:
    try:
        return _CHUNK.decode(data)
    except UnicodeDecodeError:
        return _CHUNK.decode(data.decode("utf-8", "replace"))


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
            return "".join(detail.text or detail.summary or "" for detail in delta.reasoning_details)
        case _:
            return None


def _tool_call_piece(call: _ToolCall, position: int) -> ToolCallPiece:
    function = call.function or _Function()
    arguments = function.arguments or ""
    return ToolCallPiece(
        index=position if call.index is None else call.index,
        id=call.id or "",
        name=function.name or "",
        arguments=arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode(),
    )


def _usage(raw: msgspec.Raw) -> Usage | None:
    """The counts in a chunk; None where there are none, or where they make no sense."""
    data = bytes(raw)
    if data in _EMPTY:
        return None
    try:
        counts = _USAGE.decode(data)
    except msgspec.DecodeError:
        return None
    if counts.prompt_tokens is None and counts.completion_tokens is None:
        return None
    prompt = max(0, counts.prompt_tokens or 0)
    completion = max(0, counts.completion_tokens or 0)
    hit = counts.prompt_cache_hit_tokens
    if hit is None and counts.prompt_tokens_details is not None:
        hit = counts.prompt_tokens_details.cached_tokens
    details = counts.completion_tokens_details
    reasoning = (details.reasoning_tokens if details else None) or 0
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=min(max(0, hit or 0), prompt),
        reasoning_tokens=min(max(0, reasoning), completion),
    )


def _unreadable(origin: Origin, reason: str) -> Failure:
    return Failure(
        kind=FailureKind.PROTOCOL,
        message=f"{origin.card.title} sent something that is no chat completion: {reason}.",
        hint="Send the prompt again; if it stays, check --base-url.",
    )


def _cut(origin: Origin) -> Failure:
    return Failure(
        kind=FailureKind.CONNECTION,
        message=f"{origin.card.title} ended the stream before the answer was complete.",
        hint="Send the prompt again.",
        is_retryable=True,
    )


def _unknown_end(origin: Origin, reason: str) -> Failure:
    return Failure(
        kind=FailureKind.SERVER,
        message=f'{origin.card.title} ended the answer with "{reason}", which is no reason that dsterm knows.',
        hint="Send the prompt again.",
        is_retryable=reason == "error",
    )
