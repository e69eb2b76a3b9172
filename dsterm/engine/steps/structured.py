"""Answers that are one JSON value: what the model is told, what the provider is asked for, and whether what came fits.

Schemas are checked in a process of their own with a time limit: some take for ever, and nothing here would end them.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from typing import NoReturn

import msgspec

from dsterm.core.models import ProviderCard
from dsterm.core.provider import ResponseFormat

_PATIENCE = 10.0
"""Seconds for one check."""

_FENCED = re.compile(r"```[ \t]*(?:json[ \t]*)?\n(.*)\n[ \t]*```", re.DOTALL | re.IGNORECASE)
_CHECKER = ("-P", "-W", "ignore", "-m", "dsterm.engine.steps.structured_check")
_MOST_DEEP = 100


class _Question(msgspec.Struct, frozen=True):
    schema: str
    answer: str | None


class _Verdict(msgspec.Struct, frozen=True):
    problem: str


def asked_format(wanted: ResponseFormat, card: ProviderCard) -> ResponseFormat | None:
    """What the provider can be asked for to get `wanted`: the schema itself, any object, or nothing."""
    if wanted.schema is not None and "json_schema" in card.response_formats:
        return wanted
    is_object = wanted.schema is None or json.loads(bytes(wanted.schema)).get("type") == "object"
    return ResponseFormat() if is_object and "json_object" in card.response_formats else None


def format_note(wanted: ResponseFormat) -> str:
    """What the model is told with the prompt."""
    if wanted.schema is None:
        return "[Answer with one JSON object and nothing else: no words around it, no Markdown. It must be valid JSON.]"
    return (
        "[Answer with one JSON value and nothing else: no words around it, no Markdown. It must be valid JSON and fit this "
        f"JSON schema:\n{bytes(wanted.schema).decode()}]"
    )


def repair_nudge(problem: str) -> str:
    """What the model is told of an answer that does not fit."""
    return f"Your answer is not what was asked for: {problem}. Answer again with the whole JSON and nothing else."


def bare_json(text: str) -> str:
    """The JSON of an answer, without a Markdown fence around all of it."""
    stripped = text.strip()
    fenced = _FENCED.fullmatch(stripped)
    return fenced[1].strip() if fenced else stripped


def read_value(text: str) -> object:
    """The value that the answer `text` is; ValueError says why it is none."""
    bare = bare_json(text)
    if not bare:
        raise ValueError("it is empty")
    try:
        value: object = json.loads(bare, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not valid JSON ({error.msg} at character {error.pos})") from error
    if _depth(bare) > _MOST_DEEP:
        raise ValueError("it is nested too deeply")
    return value


async def misfit(wanted: ResponseFormat, text: str) -> str:
    """Why `text` is not the `wanted` answer, empty where it is."""
    try:
        value = read_value(text)
    except ValueError as error:
        return str(error)
    if wanted.schema is None:
        return "" if isinstance(value, dict) else "it is no JSON object"
    return await _judged(bytes(wanted.schema).decode(), bare_json(text))


async def schema_problem(schema: str) -> str:
    """Why `schema`, the text of a file, can't be used as a JSON schema, empty where it can."""
    try:
        if _depth(schema) > _MOST_DEEP:
            return "it is nested too deeply"
        json.loads(schema, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        return f"it is no JSON ({error.msg} in line {error.lineno})"
    except (ValueError, RecursionError) as error:
        return str(error) if isinstance(error, ValueError) else "it is nested too deeply"
    return await _judged(schema, None)


async def _judged(schema: str, answer: str | None) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *_CHECKER,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(_PATIENCE):
            out, _ = await process.communicate(msgspec.json.encode(_Question(schema, answer)))
    except TimeoutError:
        return f"checking against the schema takes longer than {_PATIENCE:.0f} s; make the schema simpler"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    try:
        return msgspec.json.decode(out, type=_Verdict).problem
    except msgspec.DecodeError:
        return "the check against the schema broke down; make the schema simpler"


def _depth(text: str) -> int:
    """How deep brackets outside of strings stand in each other."""
    deepest = depth = 0
    for match in re.finditer(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', text, re.DOTALL):
        mark = match[0]
        depth += (mark in "[{") - (mark in "]}") if len(mark) == 1 else 0
        deepest = max(deepest, depth)
    return deepest


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"it holds {name}, which is not JSON")
