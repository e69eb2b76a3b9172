"""Numbers as strangers write them: money and sizes from JSON, or None for what can't be one."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import msgspec

from dsterm.core.errors import ProviderError

_LONGEST = 40
_MOST_DIGITS = 15
_MOST_TOKENS = 1_000_000_000
_DECODER = msgspec.json.Decoder(float_hook=Decimal)

Members = dict[str, object]


def read_json(body: bytes, what: str) -> object:
    """The JSON in `body`, fractions as Decimal; ProviderError names `what` can't be read."""
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, InvalidOperation, RecursionError) as error:
        raise ProviderError(f"{what} is not readable JSON, or longer than is read of it. Try again later.") from error


def members(value: object) -> Members:
    """`value` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def amount(value: object) -> Decimal | None:
    """A number, or a string that spells one, of up to 15 digits before and after the point; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    if isinstance(value, str) and len(value) > _LONGEST:
        return None
    if isinstance(value, int) and abs(value) >= 10**_MOST_DIGITS:
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if is_plain(number) else None


def is_plain(number: Decimal) -> bool:
    """Whether `number` is of a size that money has, so that it can be written out."""
    if not number.is_finite() or len(number.as_tuple().digits) > _LONGEST:
        return False
    return -_MOST_DIGITS <= number.adjusted() < _MOST_DIGITS


def price(value: object) -> Decimal | None:
    """An amount that is no less than nothing; -1, as some write it, and everything else is None."""
    number = amount(value)
    return number if number is not None and number >= 0 else None


def tokens(value: object) -> int | None:
    """A number of tokens, at least one."""
    is_size = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MOST_TOKENS
    return value if is_size and isinstance(value, int) else None


def one_line(value: object, most: int) -> str:
    """A string without anything that a terminal obeys, cut to `most` characters; empty for what is no string."""
    if not isinstance(value, str):
        return ""
    shown = "".join(character if character.isprintable() else " " for character in value[: most * 2])
    return " ".join(shown.split())[:most]


def model_id(value: object, most: int = 200) -> str | None:
    """An id of a model that can be shown, sent and typed; None for anything else."""
    is_id = isinstance(value, str) and 0 < len(value) <= most and value.isprintable() and " " not in value
    return value if is_id and isinstance(value, str) else None
