"""A Request as the JSON body of a streamed chat completion.

The bytes are a function of the request alone, and the conversation comes last: the body of a request that only adds
messages is the body before it, less two closing brackets, plus the new messages.
"""

from __future__ import annotations

import msgspec

from dsterm.core.messages import AssistantMessage, RequestMessage, ToolCall, ToolMessage, UserMessage
from dsterm.core.models import ProviderCard
from dsterm.core.provider import Request
from dsterm.core.tools import ToolSpec

OWN_FIELDS = frozenset({"model", "messages", "tools", "tool_choice", "stream", "stream_options", "max_tokens", "n"})
"""Fields that no mode body may set, because dsterm sets them itself or must not send them."""


def request_body(request: Request, card: ProviderCard) -> bytes:
    """The body for `request` at the provider of `card`."""
    body: dict[str, object] = {
        "model": request.model.id,
        "max_tokens": max(1, min(request.max_tokens, request.model.max_output)),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    body.update(request.model.mode_bodies.get(request.mode, {}))
    if request.tools:
        body["tools"] = [_tool(spec) for spec in request.tools]
    messages: list[object] = [_message(message, card) for message in request.messages]
    if request.system:
        messages.insert(0, {"role": "system", "content": request.system})
    body["messages"] = messages
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:
        return msgspec.json.encode(_encodable(body))


def _tool(spec: ToolSpec) -> dict[str, object]:
    function: dict[str, object] = {"name": spec.name, "description": spec.description}
    if bytes(spec.parameters):
        function["parameters"] = spec.parameters
    return {"type": "function", "function": function}


def _message(message: RequestMessage, card: ProviderCard) -> dict[str, object]:
    match message:
        case UserMessage():
            return {"role": "user", "content": message.text}
        case AssistantMessage():
            said: dict[str, object] = {
                "role": "assistant",
                "content": message.content,
                card.replay_field: message.reasoning or card.reasoning_placeholder,
            }
            if message.tool_calls:
                said["tool_calls"] = [_call(call) for call in message.tool_calls]
            return said
        case ToolMessage():
            return {"role": "tool", "tool_call_id": message.call_id, "content": message.content}


def _call(call: ToolCall) -> dict[str, object]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _encodable(value: object) -> object:
    """`value` with half surrogate pairs, which no UTF-8 can carry, replaced by the replacement character."""
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case dict():
            return {key: _encodable(inner) for key, inner in value.items()}
        case list():
            return [_encodable(inner) for inner in value]
        case _:
            return value
