"""Small changes of a function that could mend a bug: another operator, a number off by one, arguments the other way round."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise

import msgspec

from dsterm.demo.parsing import parse_python

_OPERATORS = {
    ast.Lt: ("<", ("<=", ">", ">=")),
    ast.LtE: ("<=", ("<", ">=", ">")),
    ast.Gt: (">", (">=", "<", "<=")),
    ast.GtE: (">=", (">", "<=", "<")),
    ast.Eq: ("==", ("!=", ">=", "<=")),
    ast.NotEq: ("!=", ("==",)),
    ast.In: ("in", ("not in",)),
    ast.Add: ("+", ("-", "*")),
    ast.Sub: ("-", ("+",)),
    ast.Mult: ("*", ("/", "//", "+")),
    ast.Div: ("/", ("//", "*")),
    ast.FloorDiv: ("//", ("/", "*", "%")),
    ast.Mod: ("%", ("//",)),
    ast.And: ("and", ("or",)),
    ast.Or: ("or", ("and",)),
}


class Mutation(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes `start` to `end` of a source become `new`; `line` counts from 1."""

    start: int
    end: int
    old: str
    new: str
    line: int

    def applied(self, source: str) -> str:
        """`source` with the change."""
        data = source.encode()
        return (data[: self.start] + self.new.encode() + data[self.end :]).decode()


class _Source:
    """A text with the places of its syntax nodes, in bytes as `ast` counts columns."""

    def __init__(self, text: str) -> None:
        self.data = text.encode()
        self._starts = [0]
        for line in self.data.split(b"\n"):
            self._starts.append(self._starts[-1] + len(line) + 1)

    def span(self, node: ast.expr) -> tuple[int, int]:
        end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
        return self._starts[node.lineno - 1] + node.col_offset, self._starts[end_line - 1] + end_column

    def mutation(self, start: int, end: int, new: str) -> Mutation:
        line = self.data.count(b"\n", 0, start) + 1
        return Mutation(start=start, end=end, old=self.data[start:end].decode(), new=new, line=line)

    def text(self, node: ast.expr) -> str:
        start, end = self.span(node)
        return self.data[start:end].decode()


def mutations(text: str, function: str) -> list[Mutation]:
    """Changes to try on the top-level function called `function`, the likeliest kinds first."""
    source = _Source(text)
    tree = parse_python(text)
    statements = [] if isinstance(tree, SyntaxError) else tree.body
    bodies = [node.body for node in statements if isinstance(node, ast.FunctionDef) and node.name == function]
    nodes = [node for body in bodies for statement in body for node in ast.walk(statement)]
    kinds = (_other_operators, _near_numbers, _swapped, _negated, _other_names)
    return [mutation for kind in kinds for node in nodes for mutation in kind(source, node)]


def _other_operators(source: _Source, node: ast.AST) -> Iterator[Mutation]:
    match node:
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            for op, (before, after) in zip(ops, pairwise([left, *comparators]), strict=True):
                yield from _replaced(source, op, before, after)
        case ast.BinOp(left=before, op=op, right=after):
            yield from _replaced(source, op, before, after)
        case ast.BoolOp(op=op, values=values):
            for before, after in pairwise(values):
                yield from _replaced(source, op, before, after)
        case ast.AugAssign(op=op, value=value):
            symbol, others = _OPERATORS.get(type(op), ("", ()))
            end = source.span(value)[0]
            start = source.data.rfind(f"{symbol}=".encode(), 0, end) if symbol else -1
            if start >= 0:
                yield from (source.mutation(start, start + len(symbol), other) for other in others)


def _replaced(source: _Source, op: ast.AST, before: ast.expr, after: ast.expr) -> Iterator[Mutation]:
    symbol, others = _OPERATORS.get(type(op), ("", ()))
    start, end = source.span(before)[1], source.span(after)[0]
    match = re.search(re.escape(symbol.encode()), source.data[start:end]) if symbol else None
    if match:
        yield from (source.mutation(start + match.start(), start + match.end(), other) for other in others)


def _near_numbers(source: _Source, node: ast.AST) -> Iterator[Mutation]:
    match node:
        case ast.Constant(value=int() as number) if not isinstance(number, bool):
            yield from (
                source.mutation(*source.span(node), str(near)) for near in (number + 1, number - 1) if near >= 0
            )
        case ast.Constant(value=bool() as truth):
            yield source.mutation(*source.span(node), str(not truth))


def _swapped(source: _Source, node: ast.AST) -> Iterator[Mutation]:
    pairs: list[tuple[ast.expr, ast.expr]] = []
    match node:
        case ast.Call(args=arguments):
            pairs = list(pairwise(arguments))
        case ast.BinOp(left=left, op=ast.Sub() | ast.Div() | ast.FloorDiv() | ast.Mod(), right=right):
            pairs = [(left, right)]
        case ast.IfExp(body=left, orelse=right):
            pairs = [(left, right)]
    for first, second in pairs:
        (start, first_end), (second_start, end) = source.span(first), source.span(second)
        between = source.data[first_end:second_start].decode()
        # Brackets belong to one side only, and would end up on the other.
        if start < second_start and not set(between) & set("()"):
            yield source.mutation(start, end, f"{source.text(second)}{between}{source.text(first)}")


def _negated(source: _Source, node: ast.AST) -> Iterator[Mutation]:
    match node:
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            pass
        case _:
            return
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        yield source.mutation(*source.span(test), source.text(test.operand))
    elif isinstance(test, ast.Name | ast.Call):
        yield source.mutation(*source.span(test), f"not {source.text(test)}")


_NEIGHBOURS = {"min": "max", "max": "min", "any": "all", "all": "any", "lower": "upper", "upper": "lower"}


def _other_names(source: _Source, node: ast.AST) -> Iterator[Mutation]:
    """Functions that are easily confused, and bounds that are off by one."""
    match node:
        case ast.Call(func=ast.Name(id=name) as function) if name in _NEIGHBOURS:
            yield source.mutation(*source.span(function), _NEIGHBOURS[name])
        case ast.Call(func=ast.Attribute(attr=name) as method) if name in _NEIGHBOURS:
            end = source.span(method)[1]
            yield source.mutation(end - len(name), end, _NEIGHBOURS[name])
    bounds: list[ast.expr] = []
    match node:
        case ast.Call(func=ast.Name(id="range"), args=arguments):
            bounds = arguments
        case ast.Subscript(slice=ast.Slice(lower=lower, upper=upper)):
            bounds = [bound for bound in (lower, upper) if bound]
        case ast.Subscript(slice=ast.Name() as index):
            bounds = [index]
    for bound in bounds:
        if not isinstance(bound, ast.Constant):
            for shift in ("+ 1", "- 1"):
                yield source.mutation(*source.span(bound), f"{source.text(bound)} {shift}")
