"""The rules that a well-formed request must keep, refused in the words of the official server.

Where hosts differ the strictest counts: reasoning is wanted on every answer of a conversation with tools, an empty text is no
reasoning, and system text stands at the front and nowhere else, since behind it every host loses the cached prompt.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from dsterm.core.models import ThinkingMode
from dsterm.demo.answer_form import answer_form
from dsterm.demo.request import BadRequest, ChatRequest, Role, SentMessage

CONTEXT_WINDOW = 1_048_576
MAX_OUTPUT = 393_216

_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_TOOL_MESSAGES_MISSING = (
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'"
)


def check_request(request: ChatRequest, models: Sequence[str]) -> None:
    """Raise BadRequest at the first rule that `request` breaks; its size is checked by `output_limit`."""
    if request.model not in models:
        raise BadRequest(f"The supported API model names are {', '.join(models)}, but you passed {request.model}.")
    if not request.messages:
        raise BadRequest("Empty input messages")
    if request.stream_options is not None and not request.is_streamed:
        raise BadRequest("stream_options should be set along with stream = true")
    if request.max_tokens is not None and not 1 <= request.max_tokens <= MAX_OUTPUT:
        raise BadRequest(f"Invalid max_tokens value, the valid range of max_tokens is [1, {MAX_OUTPUT}]")
    _check_parameters(request)
    _check_tools(request)
    _check_history(request.messages)
    if request.mode is not ThinkingMode.NON_THINK:
        _check_reasoning(request.messages, is_wanted_everywhere=bool(request.tools))


def output_limit(request: ChatRequest, prompt_tokens: int) -> int:
    """Tokens that the answer may have; BadRequest where prompt and asked output don't fit the window together."""
    asked = request.max_tokens
    if asked is None:
        usual = {ThinkingMode.NON_THINK: 8_192, ThinkingMode.THINK: 65_536, ThinkingMode.THINK_MAX: 131_072}
        asked = max(1, min(usual[request.mode], CONTEXT_WINDOW - prompt_tokens))
    if prompt_tokens + asked > CONTEXT_WINDOW:
        raise BadRequest(
            f"This model's maximum context length is {CONTEXT_WINDOW} tokens. However, you requested "
            f"{prompt_tokens + asked} tokens ({prompt_tokens} in the messages, {asked} in the completion). "
            "Please reduce the length of the messages or completion."
        )
    return asked


def _check_parameters(request: ChatRequest) -> None:
    """Sampling parameters are checked even where thinking makes the model ignore them."""
    parameters = request.parameters
    temperature, top_p, stop = (parameters.get(name) for name in ("temperature", "top_p", "stop"))
    if isinstance(temperature, int | float) and not 0 <= temperature <= 2:
        raise BadRequest("Invalid temperature value, the valid range of temperature is [0, 2]")
    if isinstance(top_p, int | float) and not 0 < top_p <= 1:
        raise BadRequest("Invalid top_p value, the valid range of top_p is (0, 1.0]")
    if parameters.get("n") not in {None, 1}:
        raise BadRequest("Invalid n value (currently only n = 1 is supported)")
    if isinstance(stop, list) and len(stop) > 16:
        raise BadRequest(f"Stop string array too long: {len(stop)}")
    if isinstance(stop, list) and "" in stop:
        place = stop.index("")
        raise BadRequest(
            f"Invalid 'stop[{place}]': empty string. Expected a string with minimum length 1, but got an empty string instead."
        )
    answer_form(request)


def _check_tools(request: ChatRequest) -> None:
    names = [tool.name for tool in request.tools]
    for number, name in enumerate(names):
        if not name:
            raise BadRequest(
                f"Invalid 'tools[{number}].function.name': empty string. Expected a string with minimum length 1, "
                "but got an empty string instead."
            )
        if not _TOOL_NAME.fullmatch(name):
            raise BadRequest(
                f"Invalid 'tools[{number}].function.name': string does not match pattern. "
                "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
            )
    if len(set(names)) < len(names):
        raise BadRequest("Tool names must be unique.")
    choice = request.parameters.get("tool_choice")
    if choice is None or choice in ("auto", "none"):
        return
    if choice != "required" and not isinstance(choice, dict):
        raise BadRequest("expected one of `none`, `auto`, `required` or a tool")
    if request.mode is not ThinkingMode.NON_THINK:
        raise BadRequest("Thinking mode does not support this tool_choice")
    if isinstance(choice, dict):
        named = _chosen_name(choice)
        if named not in names:
            raise BadRequest(
                f"Invalid value for 'tool_call': no function named '{named}' was specified in the 'tools' parameter."
            )


class _Function(msgspec.Struct, frozen=True):
    name: str


class _Choice(msgspec.Struct, frozen=True):
    function: _Function


def _chosen_name(choice: dict[str, object]) -> str:
    try:
        return msgspec.convert(choice, _Choice).function.name
    except msgspec.ValidationError as error:
        raise BadRequest("expected one of `none`, `auto`, `required` or a tool") from error


def _check_history(messages: Sequence[SentMessage]) -> None:
    """Every tool call has exactly one result, right behind it; every assistant message says or does something."""
    if any(message.role is Role.SYSTEM for message in messages[1:]):
        raise BadRequest("dsterm's demo takes one message with role 'system' only, and only as the first one.")
    waiting: list[str] = []
    for number, message in enumerate(messages):
        if message.role is Role.TOOL:
            waiting = _answered(waiting, message.call_id)
            continue
        if waiting:
            break
        if message.role is Role.ASSISTANT:
            waiting = _asked(message, number)
    if waiting:
        raise BadRequest(f"{_TOOL_MESSAGES_MISSING}. (insufficient tool messages following tool_calls message)")


def _answered(waiting: list[str], call_id: str) -> list[str]:
    if not waiting:
        raise BadRequest("Messages with role 'tool' must be a response to a preceding message with 'tool_calls'")
    if call_id not in waiting:
        raise BadRequest(
            f"{_TOOL_MESSAGES_MISSING}, The following tool_call_ids did not have response messages: {call_id}"
        )
    return [name for name in waiting if name != call_id]


def _asked(message: SentMessage, number: int) -> list[str]:
    if message.calls is None:
        if message.text is None:
            raise BadRequest("Invalid assistant message: content or tool_calls must be set")
        return []
    if not message.calls:
        raise BadRequest(
            f"Invalid 'messages[{number}].tool_calls': empty array. Expected an array with minimum length 1, "
            "but got an empty array instead."
        )
    names = [call.id for call in message.calls]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise BadRequest(f"Duplicate value for 'tool_call_id' of {name} in message[{number}]")
    return names


def _check_reasoning(messages: Sequence[SentMessage], *, is_wanted_everywhere: bool) -> None:
    """Answers, or those since the newest user message, must bring their reasoning; an empty text counts as missing."""
    for message in reversed(messages):
        if message.role is Role.USER and not is_wanted_everywhere:
            return
        if message.role is Role.ASSISTANT and not message.reasoning:
            raise BadRequest("The `reasoning_content` in the thinking mode must be passed back to the API.")
