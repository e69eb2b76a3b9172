"""Tool calls as a model writes them when the server fails to read them: in the answer's text, in many spellings."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dsterm.demo.reply import ReplyCall

SPELLINGS = (
    "｜DSML｜",
    "|DSML|",
    "｜｜DSML｜｜",
    "‖DSML‖",
    "tool-calls",
    "function_calls",
    "bare",
    "tool_call",
)
"""The names of the spellings."""


def leaked(calls: Sequence[ReplyCall], spelling: str) -> str:
    """The markup of `calls`, whole, in one of SPELLINGS."""
    if spelling == "tool_call":
        return "\n".join(_as_object(call) for call in calls)
    if spelling == "bare":
        return "\n".join(_invoke(call, "") for call in calls)
    mark, block = ("｜DSML｜", spelling) if spelling in {"tool-calls", "function_calls"} else (spelling, "tool_calls")
    invokes = "\n".join(_invoke(call, mark) for call in calls)
    return f"<{mark}{block}>\n{invokes}\n</{mark}{block}>"


def _as_object(call: ReplyCall) -> str:
    said = msgspec.json.encode({"name": call.name, "arguments": _fields(call)}).decode()
    return f"<tool_call>{said}</tool_call>"


def _invoke(call: ReplyCall, mark: str) -> str:
    parameters = "\n".join(_parameter(name, value, mark) for name, value in _fields(call).items())
    return f'<{mark}invoke name="{call.name}">\n{parameters}\n</{mark}invoke>'


def _parameter(name: str, value: object, mark: str) -> str:
    is_text = isinstance(value, str)
    shown = value if is_text else msgspec.json.encode(value).decode()
    return f'<{mark}parameter name="{name}" string="{str(is_text).lower()}">{shown}</{mark}parameter>'


def _fields(call: ReplyCall) -> dict[str, object]:
    return call.arguments if isinstance(call.arguments, dict) else {"arguments": call.arguments}
