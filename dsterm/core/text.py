"""Text that UTF-8 can carry. File names and arguments of the command line may hold bytes that are no text; Python shows each
as half of a surrogate pair, which neither JSON nor a database takes.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec


def valid_text(text: str) -> str:
    """`text` with U+FFFD in place of every half of a surrogate pair."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def encode_json(value: object, encoder: msgspec.json.Encoder) -> bytes:
    """`value` as JSON, its texts made valid where one of them is not."""
    try:
        return encoder.encode(value)
    except UnicodeEncodeError:
        return encoder.encode(_with_valid_texts(msgspec.to_builtins(value, builtin_types=(Decimal,))))


def _with_valid_texts(value: object) -> object:
    match value:
        case str():
            return valid_text(value)
        case dict():
            return {_with_valid_texts(key): _with_valid_texts(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_with_valid_texts(inner) for inner in value]
        case _:
            return value
