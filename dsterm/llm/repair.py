"""Tool arguments as a model writes them, read by a ladder of steps that can't change what was meant."""

from __future__ import annotations

import contextlib
import json

from dsterm.core.errors import ToolError

_MAX_UNWRAPPED = 3
_SHOWN = 200
_MOST_MENDED = 1_000_000


def parse_arguments(raw: str, *, only_reads: bool = False) -> dict[str, object]:
    """The arguments in `raw`, which should be a JSON object; ToolError says to the model what is wrong with it.

    Nothing stands for no arguments; raw newlines in strings, an object wrapped in `{"arguments": ...}` or written as a JSON
    string are understood. For a call that `only_reads`, a comma too many and brackets that were not closed are mended; for
    any other a text that is no JSON may have lost what matters.
    """
    value: object = raw
    for _ in range(_MAX_UNWRAPPED):
        if isinstance(value, str):
            value = _decode(value, only_reads=only_reads) if value.strip() else {}
        elif isinstance(value, dict) and value.keys() == {"arguments"} and isinstance(value["arguments"], (dict, str)):
            value = value["arguments"]
    if not isinstance(value, dict):
        kind = {list: "an array", str: "a string", type(None): "null"}.get(type(value), "a number or a boolean")
        raise ToolError(
            f"The arguments must be a JSON object, but they are {kind}. Send the call again with an object."
        )
    _check_text(raw, value)
    return value


def _decode(text: str, *, only_reads: bool) -> object:
    try:
        return json.loads(text, strict=False, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        if only_reads and len(text) <= _MOST_MENDED:
            with contextlib.suppress(ValueError, RecursionError):
                return json.loads(_mended(text), strict=False, parse_constant=_refuse_constant)
        raise ToolError(_complaint(text, error)) from error


def _complaint(text: str, error: ValueError | RecursionError) -> str:
    where = ""
    if isinstance(error, json.JSONDecodeError):
        near = text[max(0, error.pos - 20) : error.pos + 20]
        where = f": {error.msg} at character {error.pos}, near {near!r}"
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    return (
        f"The arguments are not valid JSON{where}. They begin with {shown!r}. "
        "Send the call again with one JSON object; write a backslash inside a string as two."
    )


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _mended(text: str) -> str:
    """`text` without commas before a closing bracket, and with the brackets closed that are open; strings stay as they are."""
    kept: list[str] = []
    missing: list[str] = []
    comma = -1
    is_string = is_escaped = False
    for character in text:
        if is_string:
            is_string = is_escaped or character != '"'
            is_escaped = character == "\\" and not is_escaped
        elif character == '"':
            is_string, comma = True, -1
        elif character == ",":
            comma = len(kept)
        elif character in "]}":
            if comma >= 0:
                kept[comma] = ""
            comma = -1
            if missing:
                missing.pop()
        elif not character.isspace():
            comma = -1
            if character in "[{":
                missing.append({"[": "]", "{": "}"}[character])
        kept.append(character)
    if comma >= 0 and missing:
        kept[comma] = ""
    return "".join([*kept, *reversed(missing)])


def _check_text(raw: str, value: object) -> None:
    """Half a surrogate pair can be written in JSON but in no file."""
    if "\\u" not in raw and "\\U" not in raw:
        return
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ToolError(
            r"The arguments hold half a surrogate pair (\ud800 to \udfff). Send the call again with the character itself."
        ) from error
