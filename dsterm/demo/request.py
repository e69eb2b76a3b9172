"""A chat-completions request as it came over the wire, read into values.

Only shapes are checked here, in the words of the official server; what a well-formed request says is judged in `validation`.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from dsterm.core.models import ThinkingMode


class BadRequest(Exception):
    """A request that the server answers with an error; `str(error)` is the message on the wire."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Role(StrEnum):
    """Who speaks in a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"
    LATEST_REMINDER = "latest_reminder"


class SentCall(msgspec.Struct, frozen=True, kw_only=True):
    """A tool call of the history; `arguments` is the text as it was sent."""

    id: str
    name: str
    arguments: str


class SentMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message of the history. None stands for what was not sent; `calls` of an empty list is an empty tuple."""

    role: Role
    text: str | None = None
    reasoning: str | None = None
    calls: tuple[SentCall, ...] | None = None
    call_id: str = ""


class SentTool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that the client offers; `schema` is the JSON text that goes into the prompt."""

    name: str
    schema: str


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request. `max_tokens` is None where the client left it to the server; `parameters` holds the fields not read here."""

    model: str
    messages: tuple[SentMessage, ...]
    tools: tuple[SentTool, ...] = ()
    mode: ThinkingMode = ThinkingMode.THINK
    is_streamed: bool = False
    stream_options: dict[str, object] | None = None
    max_tokens: int | None = None
    parameters: dict[str, object] = {}

    @property
    def includes_usage(self) -> bool:
        """Whether the client asked for the usage of a stream."""
        return bool(self.stream_options and self.stream_options.get("include_usage"))

    @property
    def prompt(self) -> str:
        """The newest words of the user, empty when there are none."""
        return next((message.text or "" for message in reversed(self.messages) if message.role is Role.USER), "")


_TOP_LEVEL = frozenset({"model", "messages", "tools", "stream", "stream_options", "max_tokens"})


def read_request(body: bytes) -> ChatRequest:
    """The request in `body`; BadRequest where its shape is wrong."""
    try:
        value: object = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise _malformed("", str(error)) from error
    fields = _mapping(value, "")
    messages = _sequence(_required(fields, "messages", ""), "messages")
    max_tokens = fields.get("max_tokens")
    stream_options = fields.get("stream_options")
    return ChatRequest(
        model=_text(_required(fields, "model", ""), "model"),
        messages=tuple(_message(message, f"messages[{number}]") for number, message in enumerate(messages)),
        tools=tuple(
            _tool(tool, f"tools[{number}]") for number, tool in enumerate(_sequence(fields.get("tools") or [], "tools"))
        ),
        mode=_mode(fields),
        is_streamed=_boolean(fields.get("stream") or False, "stream"),
        stream_options=None if stream_options is None else _mapping(stream_options, "stream_options"),
        max_tokens=None if max_tokens is None else _count(max_tokens, "max_tokens"),
        parameters={name: field for name, field in fields.items() if name not in _TOP_LEVEL},
    )


def _mode(fields: dict[str, object]) -> ThinkingMode:
    """Novita's switches: `enable_thinking` false ends all reasoning; the effort, nested or not, tells Think from Think Max."""
    enabled = fields.get("enable_thinking")
    if enabled is not None and not _boolean(enabled, "enable_thinking"):
        return ThinkingMode.NON_THINK
    nested = fields.get("reasoning")
    if nested is not None and _mapping(nested, "reasoning").get("effort") in {"high", "xhigh", "max"}:
        return ThinkingMode.THINK_MAX
    return ThinkingMode.THINK_MAX if fields.get("reasoning_effort") in {"xhigh", "max"} else ThinkingMode.THINK


def _message(value: object, where: str) -> SentMessage:
    fields = _mapping(value, where)
    spoken = _text(_required(fields, "role", where), f"{where}.role")
    if spoken not in list(Role):
        choices = ", ".join(f"`{role}`" for role in Role)
        raise _malformed(f"{where}.role", f"unknown variant `{spoken}`, expected one of {choices}")
    role = Role(spoken)
    if role is not Role.ASSISTANT:
        content = _content(_required(fields, "content", where), f"{where}.content")
        call_id = _text(_required(fields, "tool_call_id", where), f"{where}.tool_call_id") if role is Role.TOOL else ""
        return SentMessage(role=role, text=content, call_id=call_id)
    text = fields.get("content")
    reasoning = fields.get("reasoning_content")
    calls = fields.get("tool_calls")
    return SentMessage(
        role=role,
        text=None if text is None else _content(text, f"{where}.content"),
        reasoning=None if reasoning is None else _text(reasoning, f"{where}.reasoning_content"),
        calls=None if calls is None else tuple(_call(call, where) for call in _sequence(calls, f"{where}.tool_calls")),
    )


def _content(value: object, where: str) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise _malformed(where, "content should be a string or a list")
    texts = []
    for part in value:
        fields = _mapping(part, where)
        kind = _text(_required(fields, "type", where), where)
        if kind != "text":
            raise _malformed(where, f"unknown variant `{kind}`, expected `text`")
        texts.append(_text(_required(fields, "text", where), where))
    return "\n\n".join(texts)


def _call(value: object, where: str) -> SentCall:
    fields = _mapping(value, where)
    function = _mapping(_required(fields, "function", where), where)
    return SentCall(
        id=_text(_required(fields, "id", where), where),
        name=_text(_required(function, "name", where), where),
        arguments=_text(_required(function, "arguments", where), where),
    )


def _tool(value: object, where: str) -> SentTool:
    fields = _mapping(value, where)
    kind = _text(_required(fields, "type", where), f"{where}.type")
    if kind != "function":
        raise _malformed(f"{where}.type", f"unknown variant `{kind}`, expected `function`")
    function = _mapping(_required(fields, "function", where), where)
    name = _text(_required(function, "name", where), where)
    shown = {key: function[key] for key in ("name", "description", "parameters") if key in function}
    return SentTool(name=name, schema=msgspec.json.encode(shown).decode())


def _required(fields: dict[str, object], name: str, where: str) -> object:
    if name not in fields:
        raise _malformed(where, f"missing field `{name}`")
    return fields[name]


def _mapping(value: object, where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise _wrong_type(value, "a map", where)
    return value


def _sequence(value: object, where: str) -> list[object]:
    if not isinstance(value, list):
        raise _wrong_type(value, "a sequence", where)
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise _wrong_type(value, "a string", where)
    return value


def _boolean(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong_type(value, "a boolean", where)
    return value


def _count(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong_type(value, "u32", where)
    if not 0 <= value < 2**32:
        raise _malformed(where, f"invalid value: integer `{value}`, expected u32")
    return value


def _wrong_type(value: object, expected: str, where: str) -> BadRequest:
    match value:
        case None:
            found = "null"
        case bool():
            found = f"boolean `{str(value).lower()}`"
        case int():
            found = f"integer `{value}`"
        case float():
            found = f"floating point `{value}`"
        case str():
            found = f'string "{value[:200]}"'
        case list():
            found = "sequence"
        case _:
            found = "map"
    return _malformed(where, f"invalid type: {found}, expected {expected}")


def _malformed(where: str, problem: str) -> BadRequest:
    place = f"{where}: " if where else ""
    return BadRequest(f"Failed to deserialize the JSON body into the target type: {place}{problem}")
