"""A Request as the JSON body of a streamed chat completion.

The bytes are a function of the request alone. What stays comes first: model, mode, format of the answer, tools, messages; what
may differ from request to request (`max_tokens`) stands behind the messages. So the body of a request that only adds messages
is the body before it up to the end of its messages, plus the new messages, plus an ending of some 90 bytes.
"""

from __future__ import annotations

import msgspec

from dsterm.core.messages import AssistantMessage, RequestMessage, ToolCall, ToolMessage, UserMessage
from dsterm.core.models import ProviderCard
from dsterm.core.provider import Request, ResponseFormat
from dsterm.core.tools import ToolSpec

OWN_FIELDS = frozenset(
    {
        "model",
        "messages",
        "tools",
        "tool_choice",
        "stream",
        "stream_options",
        "max_tokens",
        "max_completion_tokens",
        "n",
        "response_format",
    }
)
"""Fields that no mode body may set, because dsterm sets them itself or must not send them."""

_USUAL_FIELD = "reasoning_content"
_SHORTEST_REASONING = " "


def request_body(request: Request, card: ProviderCard) -> bytes:
    """The body for `request` at the provider of `card`."""
    body: dict[str, object] = {"model": request.model.id, **request.model.mode_bodies.get(request.mode, {})}
    wanted = _response_format(request.response_format, card)
    if wanted is not None:
        body["response_format"] = wanted
    if request.tools:
        body["tools"] = [_tool(spec) for spec in request.tools]
    replayed = _Replayed.at(card, request.placeholder)
    messages: list[object] = [_message(message, replayed) for message in request.messages]
    if request.system:
        messages.insert(0, {"role": "system", "content": request.system})
    body["messages"] = messages
    body["max_tokens"] = max(1, min(request.max_tokens, request.model.max_output))
    body["stream"] = True
    body["stream_options"] = {"include_usage": True}
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:
        return msgspec.json.encode(_encodable(body))


class _Replayed(msgspec.Struct, frozen=True):
    """How reasoning goes back: under which names, and what stands for reasoning that there was none of."""

    fields: tuple[str, ...]
    placeholder: str

    @classmethod
    def at(cls, card: ProviderCard, placeholder: str) -> _Replayed:
        """The provider's own way; with a `placeholder`, which is for a provider that refused it, both names at once."""
        if placeholder:
            return cls(tuple(dict.fromkeys((_USUAL_FIELD, card.replay_field))), placeholder)
        usual = card.reasoning_placeholder or ("" if card.accepts_empty_reasoning else _SHORTEST_REASONING)
        return cls((card.replay_field,), usual)


def _response_format(wanted: ResponseFormat | None, card: ProviderCard) -> dict[str, object] | None:
    """What asks for `wanted`; None where the provider takes no such thing, so that words alone must do."""
    if wanted is None:
        return None
    if wanted.schema is None:
        return {"type": "json_object"} if "json_object" in card.response_formats else None
    if "json_schema" not in card.response_formats:
        return None
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": wanted.schema}}


def _tool(spec: ToolSpec) -> dict[str, object]:
    function: dict[str, object] = {"name": spec.name, "description": spec.description}
    if bytes(spec.parameters):
        function["parameters"] = spec.parameters
    return {"type": "function", "function": function}


def _message(message: RequestMessage, replayed: _Replayed) -> dict[str, object]:
    match message:
        case UserMessage():
            return {"role": "user", "content": message.text}
        case AssistantMessage():
            said: dict[str, object] = {"role": "assistant", "content": message.content}
            for field in replayed.fields:
                said[field] = message.reasoning or replayed.placeholder
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
