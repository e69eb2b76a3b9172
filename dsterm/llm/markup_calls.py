"""Leaked markup read into the calls that it spells."""

from __future__ import annotations

import json
import re
from enum import Enum, auto

import msgspec

from dsterm.llm.markup import BARS, Form

_DSML = rf"[{BARS}]{{1,2}}\s*DSML\s*[{BARS}]{{1,2}}\s*"
_WRAPPER = r"(?:tool[_-]?calls?|function[_-]?calls?|calls)"
_NAME = r"""name\s*=\s*(?:"(?P<name>[^"<>]*)"|'(?P<other>[^'<>]*)')"""
_OPEN_WRAPPER = re.compile(rf"\s*<(?:{_DSML})?{_WRAPPER}\s*>\s*", re.IGNORECASE)
_CLOSE_WRAPPER = re.compile(rf"\s*</(?:{_DSML})?{_WRAPPER}\s*>\s*", re.IGNORECASE)
_INVOKE = re.compile(rf"\s*<(?P<dsml>{_DSML})?invoke\s+{_NAME}\s*>", re.IGNORECASE)
_PARAMETER = re.compile(
    rf"""\s*<(?P<dsml>{_DSML})?parameter\s+{_NAME}(?:\s+string\s*=\s*["'](?P<string>true|false)["'])?\s*>""",
    re.IGNORECASE,
)
_CLOSERS = {
    (word, has_prefix): re.compile(rf"</{_DSML if has_prefix else ''}{word}\s*>", re.IGNORECASE)
    for word in ("invoke", "parameter")
    for has_prefix in (True, False)
}
_NESTED = re.compile(r"\s*<tool[_-]?call>(.*?)</tool[_-]?call>", re.IGNORECASE | re.DOTALL)
_SECTION_TAG = re.compile(rf"<[{BARS}]{{1,2}}tool[_\u2581]([a-z_\u2581]+)[{BARS}]{{1,2}}>", re.IGNORECASE)
_FENCED = re.compile(r"\s*```\w*\n(.*?)\n?```\s*", re.DOTALL)
_FENCE_LINE = re.compile(r"\s*```\w*[ \t]*\n")
_NUMBER = re.compile(r":\d+\Z")
_ARGUMENTS = ("arguments", "parameters")


class Call(msgspec.Struct, frozen=True):
    """A call as the markup spells it; `arguments` is the text of a JSON object."""

    name: str
    arguments: str


class Incomplete(Enum):
    """Why markup gives no calls: it goes on behind its end, which stands inside a value, or it is no markup that can be read."""

    OPEN = auto()
    BROKEN = auto()


class _NoCallError(ValueError):
    """The markup gives no calls."""

    def __init__(self, reason: Incomplete = Incomplete.BROKEN) -> None:
        super().__init__(reason)
        self.reason = reason


def read_calls(form: Form, text: str, begin: int, end: int) -> tuple[Call, ...] | Incomplete:
    """The calls in `text`, one block of leaked markup whose inside is from `begin` to `end`; never none."""
    try:
        match form:
            case Form.TAGS:
                return _from_tags(text)
            case Form.JSON:
                return _from_json_inside(text[begin:end])
            case Form.SECTION:
                return _from_section(text)
            case _:
                return Incomplete.BROKEN
    except _NoCallError as error:
        return error.reason


def read_bare_json(text: str) -> tuple[Call, ...] | Incomplete:
    """The call in `text`, JSON that may stand in a fence; OPEN where other text follows it."""
    fence = _FENCE_LINE.match(text)
    inside = text[fence.end() :].lstrip() if fence else text.strip()
    try:
        _, end = json.JSONDecoder(strict=False).raw_decode(inside)
    except (ValueError, RecursionError):
        return Incomplete.BROKEN
    if inside[end:].strip() != ("```" if fence else ""):
        return Incomplete.OPEN
    inside = inside[:end]
    try:
        return _from_json(inside)
    except _NoCallError as error:
        return error.reason


def _from_tags(text: str) -> tuple[Call, ...]:
    wrapper = _OPEN_WRAPPER.match(text)
    at = wrapper.end() if wrapper else 0
    calls: list[Call] = []
    while invoke := _INVOKE.match(text, at):
        arguments, at = _parameters(text, invoke.end(), has_prefix=bool(invoke["dsml"]))
        calls.append(Call(_name(invoke), arguments))
    end = _CLOSE_WRAPPER.match(text, at) if wrapper else None
    at = end.end() if end else at
    if not calls or text[at:].strip() or bool(wrapper) != bool(end):
        raise _NoCallError
    return tuple(calls)


def _name(tag: re.Match[str]) -> str:
    return (tag["name"] or tag["other"] or "").strip()


def _parameters(text: str, at: int, *, has_prefix: bool) -> tuple[str, int]:
    """The parameters of a call as JSON, and where its closing tag ends."""
    values: dict[str, object] = {}
    while parameter := _PARAMETER.match(text, at):
        closer = _CLOSERS["parameter", bool(parameter["dsml"])].search(text, parameter.end())
        if closer is None:
            raise _NoCallError(Incomplete.OPEN)
        raw = text[parameter.end() : closer.start()]
        is_json = parameter["string"] is not None and parameter["string"].lower() == "false"
        values[_name(parameter)] = _loaded(raw) if is_json else raw
        at = closer.end()
    end = re.compile(r"\s*" + _CLOSERS["invoke", has_prefix].pattern, re.IGNORECASE).match(text, at)
    if end is None:
        raise _NoCallError
    return _dumped(values), end.end()


def _from_json_inside(text: str) -> tuple[Call, ...]:
    """The calls in JSON, or in several `<tool_call>{...}</tool_call>`."""
    if text.lstrip().startswith("<"):
        return tuple(call for inside in _NESTED.findall(text) for call in _from_json(inside)) or _nothing()
    return _from_json(text)


def _nothing() -> tuple[Call, ...]:
    raise _NoCallError


def _from_section(text: str) -> tuple[Call, ...]:
    """The calls between `tool_calls_begin` and its end, or a single one; words and tags take turns."""
    words = _SECTION_TAG.split(text)
    tags = [tag.replace("\u2581", "_").lower() for tag in words[1::2]]
    between = words[2::2]
    calls: list[Call] = []
    for place, tag in enumerate(tags):
        if tag != "call_begin":
            continue
        if tags[place + 1 : place + 3] not in (["sep", "call_end"], ["call_argument_begin", "call_end"]):
            raise _NoCallError
        head, body = between[place].strip(), between[place + 1]
        if head == "function":
            head, _, body = body.partition("\n")
        fenced = _FENCED.fullmatch(body)
        arguments = _loaded(fenced[1] if fenced else body)
        name = _NUMBER.sub("", head.strip()).removeprefix("functions.")
        calls.append(Call(name, _dumped(_as_object(arguments))))
    if not calls:
        raise _NoCallError
    return tuple(calls)


def _from_json(text: str) -> tuple[Call, ...]:
    value = _loaded(text)
    entries = value if isinstance(value, list) else [value]
    if not entries:
        raise _NoCallError
    return tuple(_call(entry) for entry in entries)


def _call(entry: object) -> Call:
    match entry:
        case {"function": dict(inner)}:
            entry = inner
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise _NoCallError
    found = [entry[key] for key in _ARGUMENTS if key in entry]
    arguments = found[0] if found else {}
    if isinstance(arguments, str):
        arguments = _loaded(arguments) if arguments.strip() else {}
    return Call(entry["name"].strip(), _dumped(_as_object(arguments)))


def _as_object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise _NoCallError
    return value


def _loaded(text: str) -> object:
    """The JSON in `text`; raw line breaks in strings are taken as meant."""
    try:
        return json.loads(text, strict=False)
    except json.JSONDecodeError as error:
        is_open = error.msg.startswith("Unterminated string")
        raise _NoCallError(Incomplete.OPEN if is_open else Incomplete.BROKEN) from error
    except (ValueError, RecursionError) as error:
        raise _NoCallError from error


def _dumped(values: dict[str, object]) -> str:
    try:
        return json.dumps(values, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise _NoCallError from error
