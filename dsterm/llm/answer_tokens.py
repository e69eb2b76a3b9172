"""What an answer comes to in tokens where the server did not count it: counted as the model wrote it, in bounded time."""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec

from dsterm.core.errors import ToolError
from dsterm.core.messages import ToolCall
from dsterm.core.services import TokenCounter
from dsterm.llm.repair import parse_arguments

_MOST = 200_000
"""Characters of one text that are counted, a few hundredths of a second's work; what is beyond is taken to be like them."""

_MARK = "｜DSML｜"
"""One token wherever it stands in the markup."""

_OPEN, _CLOSE = "\n\n<｜DSML｜tool_calls>\n", "</｜DSML｜tool_calls>"


class AnswerTokens(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of an answer; `output` includes `reasoning`."""

    output: int
    reasoning: int


def answer_tokens(counter: TokenCounter, reasoning: str, content: str, calls: Sequence[ToolCall]) -> AnswerTokens:
    """The tokens of an answer, whole or cut."""
    thought = _count(counter, reasoning)
    output = thought + _count(counter, content)
    if calls:
        pieces = (_OPEN + "".join(map(_invocation, calls)) + _CLOSE).split(_MARK)
        output += len(pieces) - 1 + sum(_count(counter, piece) for piece in pieces)
    return AnswerTokens(output=output, reasoning=thought)


def _count(counter: TokenCounter, text: str) -> int:
    if len(text) <= _MOST:
        return counter.count(text) if text else 0
    return counter.count(text[:_MOST]) * len(text) // _MOST


def _invocation(call: ToolCall) -> str:
    """A call in the markup of V4, of which hosts make JSON: strings stand there as they are, the rest as JSON."""
    parameters = "".join(_parameter(name, value) for name, value in _arguments(call.arguments).items())
    return f'<｜DSML｜invoke name="{call.name}">\n{parameters}</｜DSML｜invoke>\n'


def _parameter(name: str, value: object) -> str:
    is_text = isinstance(value, str)
    shown = value if is_text else json.dumps(value)
    return f'<｜DSML｜parameter name="{name}" string="{str(is_text).lower()}">{shown}</｜DSML｜parameter>\n'


def _arguments(raw: str) -> dict[str, object]:
    """As far as they came: an object that was cut is read up to there."""
    if len(raw) > _MOST:
        return {"arguments": raw}
    try:
        return parse_arguments(raw, only_reads=True)
    except ToolError:
        return {"arguments": raw}
