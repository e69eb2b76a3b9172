"""The JSON that an answer is to be: the schema's file, checked before anything is sent, and the value that came."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path

import msgspec

from dsterm.core.errors import UsageError
from dsterm.core.provider import ResponseFormat
from dsterm.engine.steps.structured import bare_json, schema_problem

_MOST_BYTES = 1_000_000


async def read_format(schema: Path | None, *, is_object: bool) -> ResponseFormat | None:
    """What --json-schema or --json-object ask for, None for neither; UsageError when the file is no schema that can be used."""
    if schema is None:
        return ResponseFormat() if is_object else None
    text = await asyncio.to_thread(_read, schema)
    problem = await schema_problem(text)
    if problem:
        raise UsageError(f"{schema} can't be used with --json-schema: {problem}.")
    return ResponseFormat(schema=msgspec.Raw(text.encode()))


def json_value(answer: str) -> object:
    """The value of an answer that was found to fit, its figures as they were written."""
    value: object = json.loads(bare_json(answer), parse_float=Decimal)
    return value


def _read(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            data = stream.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "that is no file name").lower()
        raise UsageError(f"{file} can't be read: {reason}; give --json-schema the file of a JSON schema.") from error
    if len(data) > _MOST_BYTES:
        raise UsageError(f"{file} is larger than {_MOST_BYTES // 1_000_000} MB; give --json-schema a smaller schema.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is no UTF-8 text; give --json-schema the file of a JSON schema.") from error
