"""Operators, functions and methods that the small evaluator may use: on plain values only, and never on large ones."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping

LARGEST = 10_000
"""Items of a list, characters of a text, length of a range."""

_LARGEST_INTEGER_BITS = 4_096
_PLAIN = (int, float, str, list, tuple, dict, set, range)


class Unsupported(Exception):
    """The code uses something that the evaluator does not know, or too much of something."""


class Raised(Exception):
    """The evaluated code raises; `name` is the name of the exception's class."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


Operator = Callable[..., object]

BINARY: Mapping[type[ast.operator], Operator] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}
COMPARE: Mapping[type[ast.cmpop], Operator] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda left, right: operator.contains(right, left),
    ast.NotIn: lambda left, right: not operator.contains(right, left),
}
UNARY: Mapping[type[ast.unaryop], Operator] = {
    ast.Not: operator.not_,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


def _range(*arguments: int) -> range:
    counted = range(*arguments)
    if len(counted) > LARGEST:
        raise Unsupported("a range that long")
    return counted


def _round(number: float, ndigits: int | None = None) -> object:
    if ndigits is not None and abs(ndigits) > 20:
        raise Unsupported("round to that many digits")
    return round(number, ndigits)


def _to_text(value: object = "") -> str:
    return str(value)


FUNCTIONS: Mapping[str, Callable[..., object]] = {
    "abs": abs,
    "all": all,
    "any": any,
    "bool": bool,
    "dict": dict,
    "divmod": divmod,
    "enumerate": lambda items, start=0: list(enumerate(items, start)),
    "float": float,
    "int": int,
    "len": len,
    "list": list,
    "max": max,
    "min": min,
    "range": _range,
    "reversed": lambda items: list(reversed(items)),
    "round": _round,
    "set": set,
    "sorted": sorted,
    "str": _to_text,
    "sum": sum,
    "tuple": tuple,
    "zip": lambda *rows: list(zip(*rows, strict=False)),
}
KEYWORDS = frozenset({"start", "reverse", "default", "ndigits"})
"""Keyword arguments that may be handed to the functions."""

_TEXT_METHODS = (
    *(
        "capitalize",
        "casefold",
        "count",
        "endswith",
        "find",
        "index",
        "isalnum",
        "isalpha",
        "isdigit",
        "islower",
        "isspace",
    ),
    *("isupper", "join", "lower", "lstrip", "removeprefix", "removesuffix", "rsplit", "rstrip", "split", "splitlines"),
    *("startswith", "strip", "swapcase", "title", "upper"),
)
METHODS: Mapping[type, frozenset[str]] = {
    str: frozenset(_TEXT_METHODS),
    list: frozenset({"append", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort"}),
    tuple: frozenset({"count", "index"}),
    dict: frozenset({"copy", "get", "items", "keys", "pop", "setdefault", "update", "values"}),
    set: frozenset({"add", "copy", "difference", "discard", "intersection", "issubset", "union"}),
}
_FORMAT = re.compile(r"[<>^]?[+]?0?\d{0,2},?(?:\.\d{1,2})?[dfs%]?")


def plain(value: object) -> object:
    """`value` if operators may touch it."""
    if value is not None and not isinstance(value, _PLAIN):
        raise Unsupported("an operation on such a value")
    return value


def binary(kind: type[ast.operator], left: object, right: object) -> object:
    """The result of an operator, unless it could be large."""
    if kind not in BINARY:
        raise Unsupported("this operator")
    for text, times in ((left, right), (right, left)):
        if kind is ast.Mult and isinstance(text, str | list | tuple) and isinstance(times, int):
            small(len(text) * times)
    if kind is ast.Pow and not (isinstance(right, int | float) and abs(right) <= 64):
        raise Unsupported("a power that large")
    if kind is ast.Mod and isinstance(left, str):
        raise Unsupported("formatting with %")
    return bounded(BINARY[kind](plain(left), plain(right)))


def bounded(value: object) -> object:
    """`value` if it is small enough to go on with."""
    if isinstance(value, int) and value.bit_length() > _LARGEST_INTEGER_BITS:
        raise Unsupported("a number that large")
    if isinstance(value, str | list | tuple | dict | set):
        small(len(value))
    return value


def small(size: int) -> None:
    """Refuse what is larger than anything a test of a few lines needs."""
    if size > LARGEST:
        raise Unsupported("a value that large")


def formatted(value: object, form: str) -> str:
    """An f-string's field, in the plain forms only."""
    if not _FORMAT.fullmatch(form):
        raise Unsupported("this format")
    return format(plain(value), form)


def weight(value: object, limit: int) -> int:
    """How much work `value` is to compare or to print, counted up to `limit`."""
    waiting, seen = [value], 0
    while waiting and seen <= limit:
        item = waiting.pop()
        seen += 1
        if isinstance(item, str):
            seen += len(item) // 64
        elif isinstance(item, list | tuple | set):
            waiting.extend(item)
        elif isinstance(item, dict):
            waiting.extend(item.keys())
            waiting.extend(item.values())
    return seen
