"""Requests as the one text that a V4 model reads: what a change to a request does to the prompt cache shows here.

The order is the template's: effort, system text, tools, then the conversation. So Think Max changes the very first words,
another tool changes everything behind the system text, and thinking on or off changes the first assistant message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from dsterm.core.models import ThinkingMode
from dsterm.demo.request import ChatRequest, Role, SentCall, SentMessage

_BEGIN = "<｜begin▁of▁sentence｜>"
_END = "<｜end▁of▁sentence｜>"
_USER = "<｜User｜>"
_ASSISTANT = "<｜Assistant｜>"

_MOST_EFFORT = """\
Effort: the highest there is. Think the task through to the bottom before you answer. Take it apart into its smallest
questions, follow each of them until it is settled, look for the cause and not for what merely shows, check the result in
more than one way, and go back over everything that was only assumed. Don't stop before nothing is left open.

"""

_TOOLS = """

## Tools

Tools are at hand to answer the user. To call some of them, write one block of this form, with an invoke for each call:

<｜DSML｜tool_calls>
<｜DSML｜invoke name="$NAME">
<｜DSML｜parameter name="$PARAMETER" string="true|false">$VALUE</｜DSML｜parameter>
...
</｜DSML｜invoke>
<｜DSML｜invoke name="$ANOTHER_NAME">
...
</｜DSML｜invoke>
</｜DSML｜tool_calls>

A text goes in as it is, with `string="true"`. Numbers, booleans, lists and objects go in as JSON, with `string="false"`.
With thinking on, all reasoning comes first, between <think> and </think>; then the calls or the answer.
With thinking off, the calls or the answer follow </think> at once.

### Schemas

"""

_TOOLS_END = "\n\nCall tools by these names and with these parameters only."


def render_prompt(request: ChatRequest) -> str:
    """The whole prompt of `request`, up to where the model goes on."""
    is_thinking = request.mode is not ThinkingMode.NON_THINK
    tools = () if request.parameters.get("tool_choice") == "none" else request.tools
    parts = [_BEGIN]
    if request.mode is ThinkingMode.THINK_MAX:
        parts.append(_MOST_EFFORT)
    parts.append("\n\n".join(message.text or "" for message in request.messages if message.role is Role.SYSTEM))
    if tools:
        parts += [_TOOLS, "\n".join(tool.schema for tool in tools), _TOOLS_END]
    parts += _conversation(request.messages, is_thinking, keeps_reasoning=bool(tools))
    parts.append(f"{_ASSISTANT}{'<think>' if is_thinking else '</think>'}")
    return "".join(parts)


def render_output(reasoning: str, text: str, calls: Sequence[SentCall], *, is_thinking: bool, is_complete: bool) -> str:
    """What the model wrote behind the prompt, as the next request would render it."""
    thought = f"{reasoning}</think>" if is_thinking and (text or calls or is_complete) else reasoning
    return f"{thought}{text}{_calls(calls)}{_END if is_complete else ''}"


def _conversation(messages: Sequence[SentMessage], is_thinking: bool, keeps_reasoning: bool) -> Iterator[str]:
    """Without tools the template forgets the reasoning of earlier turns; neighbouring user texts become one."""
    users = [number for number, message in enumerate(messages) if message.role is Role.USER]
    newest = users[-1] if users else -1
    is_open = False
    for number, message in enumerate(_in_call_order(messages)):
        match message.role:
            case Role.SYSTEM:
                continue
            case Role.ASSISTANT:
                is_open = False
                replayed = is_thinking and (keeps_reasoning or number > newest)
                thought = f"<think>{message.reasoning or ''}</think>" if replayed else "</think>"
                yield f"{_ASSISTANT}{thought}{message.text or ''}{_calls(message.calls or ())}{_END}"
            case _:
                yield "\n\n" if is_open else _USER
                is_open = True
                said = message.text or ""
                yield f"<tool_result>{said}</tool_result>" if message.role is Role.TOOL else said


def _in_call_order(messages: Sequence[SentMessage]) -> list[SentMessage]:
    """Tool results in the order of their calls, whatever order they were sent in."""
    ordered = list(messages)
    order: dict[str, int] = {}
    start = 0
    for number, message in enumerate(messages):
        if message.role is Role.ASSISTANT and message.calls:
            order = {call.id: place for place, call in enumerate(message.calls)}
            start = number + 1
        elif message.role is Role.TOOL:
            results = sorted(messages[start : number + 1], key=lambda result: order.get(result.call_id, 0))
            ordered[start : number + 1] = results
    return ordered


def _calls(calls: Iterable[SentCall]) -> str:
    invokes = "".join(
        f'<｜DSML｜invoke name="{call.name}">\n{_parameters(call.arguments)}</｜DSML｜invoke>\n' for call in calls
    )
    return f"\n\n<｜DSML｜tool_calls>\n{invokes}</｜DSML｜tool_calls>" if invokes else ""


def _parameters(arguments: str) -> str:
    """Arguments that are no JSON object go in as one text, as the real template does it."""
    try:
        decoded: object = msgspec.json.decode(arguments)
    except msgspec.DecodeError:
        decoded = None
    fields: dict[str, object] = decoded if isinstance(decoded, dict) else {"arguments": arguments}
    return "".join(_parameter(name, value) for name, value in fields.items())


def _parameter(name: str, value: object) -> str:
    is_text = isinstance(value, str)
    shown = value if is_text else msgspec.json.encode(value).decode()
    return f'<｜DSML｜parameter name="{name}" string="{str(is_text).lower()}">{shown}</｜DSML｜parameter>\n'
