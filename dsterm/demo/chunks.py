"""Answers as the bytes of the wire: server-sent events for streams, one JSON object otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from dsterm.core.models import Usage
from dsterm.demo.request import SentCall

DONE = b"data: [DONE]\n\n"

_PIECE = re.compile(r"\s*(?:\w{1,7}|[^\w\s])(?:\s+\Z)?|\s+")


def pieces(text: str) -> list[str]:
    """`text` in bits of about a token; joined they are `text` again."""
    return _PIECE.findall(text)


def fragments(arguments: str, size: int = 12) -> Iterator[str]:
    """The arguments of a tool call in the bits they are sent in."""
    return (arguments[start : start + size] for start in range(0, len(arguments), size))


def usage_figures(usage: Usage) -> dict[str, object]:
    """Usage as the API spells it."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "prompt_cache_hit_tokens": usage.cached_tokens,
        "prompt_cache_miss_tokens": usage.missed_tokens,
    }


def error_body(message: str, code: str | int = "invalid_request_error", kind: str = "invalid_request_error") -> bytes:
    """An error object as the API sends it."""
    return msgspec.json.encode({"error": {"message": message, "type": kind, "param": None, "code": code}})


class Envelope:
    """What all chunks of one answer share: its id, its time in seconds since 1970, the model that answers."""

    def __init__(self, answer_id: str, created: int, model: str, *, includes_usage: bool) -> None:
        self._fields: dict[str, object] = {
            "id": answer_id,
            "object": "chat.completion.chunk",
            "created": created,
            "model": model,
            "system_fingerprint": "dsterm-demo",
        }
        self._includes_usage = includes_usage
        self._head = b"data: " + msgspec.json.encode(self._fields)[:-1] + b',"choices":[{"index":0,"delta":'
        usage = b',"usage":null}\n\n' if includes_usage else b"}\n\n"
        self._tail = b',"logprobs":null,"finish_reason":null}]' + usage

    def delta(self, delta: object) -> bytes:
        """A chunk in the middle of the stream."""
        return b"".join((self._head, msgspec.json.encode(delta), self._tail))

    def finish(self, delta: object, reason: str, usage: Usage | None) -> bytes:
        """The chunk with the finish reason, and the usage where it comes here."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return self._event([choice], usage)

    def trailer(self, usage: Usage) -> bytes:
        """A chunk without choices that brings the usage; nothing when the client didn't ask for it."""
        return self._event([], usage) if self._includes_usage else b""

    def whole(self, message: dict[str, object], reason: str, usage: Usage | None) -> bytes:
        """The answer to a request that asked for no stream."""
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
        body = self._fields | {"object": "chat.completion", "choices": [choice]}
        return msgspec.json.encode(body | {"usage": usage_figures(usage)} if usage else body)

    def _event(self, choices: Sequence[dict[str, object]], usage: Usage | None) -> bytes:
        body: dict[str, object] = self._fields | {"choices": choices}
        if self._includes_usage:
            body["usage"] = usage_figures(usage) if usage else None
        return b"data: " + msgspec.json.encode(body) + b"\n\n"


def call_start(index: int, call: SentCall) -> dict[str, object]:
    """The delta that opens a tool call; a call without an id is opened without one."""
    identity: dict[str, object] = {"index": index} | ({"id": call.id} if call.id else {})
    return {"tool_calls": [identity | {"type": "function", "function": {"name": call.name, "arguments": ""}}]}


def call_fragment(index: int, arguments: str, late_id: str = "") -> dict[str, object]:
    """The delta with more of a tool call's arguments, and with its id where that was not sent before."""
    identity: dict[str, object] = {"index": index} | ({"id": late_id} if late_id else {})
    return {"tool_calls": [identity | {"function": {"arguments": arguments}}]}


def call_deltas(
    index: int, call: SentCall, *, omits_id: bool, is_id_late: bool
) -> Iterator[tuple[int, dict[str, object]]]:
    """The deltas of one tool call, each with how much of the call it brings: 1 for its name, then characters of arguments."""
    has_id_first = not (omits_id or is_id_late)
    yield 1, call_start(index, call if has_id_first else msgspec.structs.replace(call, id=""))
    late_id = "" if omits_id or has_id_first else call.id
    for fragment in fragments(call.arguments):
        yield len(fragment), call_fragment(index, fragment, late_id)
        late_id = ""
