"""A tool call as the text that the model reads, in the pieces between its markup tokens, so that it can be counted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import msgspec

from dsterm.core.messages import ToolCall

_DEEPEST = 127


def call_pieces(content: str, calls: Sequence[ToolCall]) -> Iterator[str]:
    """The text of an answer with its calls, cut where the one token of the markup's name stands."""
    yield f"{content}\n\n<"
    yield "tool_calls>\n<"
    for number, call in enumerate(calls, start=1):
        fields = list(_fields(call.arguments))
        yield f'invoke name="{call.name}">\n{"<" if fields else "</"}'
        for place, (name, value) in enumerate(fields, start=1):
            yield f'parameter name="{name}" {value}</'
            yield "parameter>\n<" if place < len(fields) else "parameter>\n</"
        yield "invoke>\n<" if number < len(calls) else "invoke>\n</"
    yield "tool_calls>"


def python_json(value: object) -> str:
    """JSON with a blank behind each comma and colon, as the template writes schemas and values."""
    return json.dumps(value, ensure_ascii=False)


def _fields(arguments: str) -> Iterator[tuple[str, str]]:
    """The arguments by name; those that are no JSON object go in as one text."""
    decoded = _decoded(arguments)
    for name, value in (decoded if isinstance(decoded, dict) else {"arguments": arguments}).items():
        if isinstance(value, str):
            yield name, f'string="true">{value}'
        else:
            yield name, f'string="false">{python_json(value)}'


def _decoded(arguments: str) -> object:
    """None where it is no JSON, or nested too deep to be read."""
    if arguments.count("{") + arguments.count("[") > _DEEPEST and _depth(arguments) > _DEEPEST:
        return None
    try:
        decoded: object = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    return decoded


def _depth(arguments: str) -> int:
    """How deep its brackets go, taking those inside of texts for brackets too."""
    depth = deepest = 0
    for character in arguments:
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest
