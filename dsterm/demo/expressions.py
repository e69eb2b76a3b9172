"""Expressions of the small evaluator: a syntax tree and some names in, a plain value out."""

from __future__ import annotations

import ast
from collections.abc import ItemsView, Iterator, KeysView, Mapping, Sequence, ValuesView
from typing import Protocol

import msgspec

from dsterm.demo import safe_values
from dsterm.demo.safe_values import Raised, Unsupported

_ERRORS = (TypeError, ValueError, ZeroDivisionError, IndexError, KeyError, OverflowError, AttributeError)


class Function(msgspec.Struct, frozen=True):
    """A function of one of the modules."""

    module: str
    node: ast.FunctionDef


class World(Protocol):
    """What expressions need from outside: other names, calls of functions, and somebody to pay for their steps."""

    def lookup(self, module: str, name: str) -> object:
        """What `name` means at the top of `module`."""
        ...

    def call(self, function: Function, values: Sequence[object], named: Mapping[str, object]) -> object:
        """What `function` returns."""
        ...

    def spend(self, *values: object) -> None:
        """Pay for one step on `values`; Unsupported when the budget is used up."""
        ...


class Expressions:
    """Evaluates expressions inside one function of `module`, with its local `names`."""

    def __init__(self, world: World, module: str, names: dict[str, object]) -> None:
        self.world = world
        self.names = names
        self._module = module

    def value(self, node: ast.expr) -> object:
        """The value of an expression. Raises Raised where Python would raise, and Unsupported."""
        self.world.spend()
        try:
            return safe_values.bounded(self._value(node))
        except _ERRORS as error:
            raise Raised(type(error).__name__) from error
        except RecursionError as error:
            raise Unsupported("nesting that deep") from error

    def items(self, node: ast.expr) -> list[object]:
        """The items that a loop over an expression goes through."""
        value = self.value(node)
        if not isinstance(value, str | list | tuple | dict | set | range):
            raise Unsupported("a loop over such a value")
        self.world.spend(value)
        return list(value)

    def assign(self, target: ast.expr, value: object) -> None:
        """Give `value` to a name, to several, or to a place in a list or dictionary."""
        match target:
            case ast.Name(id=name):
                self.names[name] = value
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                if not isinstance(value, str | list | tuple | range) or len(value) != len(targets):
                    raise Raised("ValueError")
                for inner, item in zip(targets, value, strict=True):
                    self.assign(inner, item)
            case ast.Subscript(value=container, slice=key):
                self._put(self.value(container), self.value(key), value)
            case _:
                raise Unsupported("this assignment")

    def name(self, name: str) -> object:
        """What `name` means here."""
        return self.names[name] if name in self.names else self.world.lookup(self._module, name)

    def binary(self, kind: type[ast.operator], left: object, right: object) -> object:
        """The result of an operator, in what Python would raise too."""
        self.world.spend(left, right)
        try:
            return safe_values.binary(kind, left, right)
        except _ERRORS as error:
            raise Raised(type(error).__name__) from error

    def _put(self, container: object, key: object, value: object) -> None:
        self.world.spend(key)
        match container, key:
            case list(), int():
                if not -len(container) <= key < len(container):
                    raise Raised("IndexError")
                container[key] = value
            case dict(), str() | int() | float() | None:
                container[key] = value
                safe_values.small(len(container))
            case _:
                raise Unsupported("this assignment")

    def _value(self, node: ast.expr) -> object:
        match node:
            case ast.Constant(value=bool() | int() | float() | str() | None as constant):
                return constant
            case ast.Name(id=name):
                return self.name(name)
            case ast.BinOp(left=left, op=op, right=right):
                return self.binary(type(op), self.value(left), self.value(right))
            case ast.UnaryOp(op=sign, operand=operand) if type(sign) in safe_values.UNARY:
                return safe_values.UNARY[type(sign)](safe_values.plain(self.value(operand)))
            case ast.BoolOp():
                return self._boolean(node)
            case ast.Compare():
                return self._compare(node)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.value(body if self.value(test) else orelse)
            case ast.Call():
                return self._call(node)
            case ast.Subscript(value=container, slice=key):
                return self._item(self.value(container), key)
            case ast.JoinedStr(values=parts):
                return "".join(self._text(part) for part in parts)
            case _:
                return self._collection(node)

    def _collection(self, node: ast.expr) -> object:
        match node:
            case ast.List(elts=elements):
                return [self.value(element) for element in elements]
            case ast.Tuple(elts=elements):
                return tuple(self.value(element) for element in elements)
            case ast.Set(elts=elements):
                return {self._hashed(element) for element in elements}
            case ast.Dict(keys=keys, values=values):
                pairs = zip(keys, values, strict=True)
                return {self._hashed(key): self.value(value) for key, value in pairs if key is not None}
            case ast.ListComp(elt=element, generators=loops) | ast.GeneratorExp(elt=element, generators=loops):
                return [self.value(element) for _ in self._rounds(loops)]
            case ast.SetComp(elt=element, generators=loops):
                return {self._hashed(element) for _ in self._rounds(loops)}
            case ast.DictComp(key=key, value=value, generators=loops):
                return {self._hashed(key): self.value(value) for _ in self._rounds(loops)}
            case _:
                raise Unsupported(f"`{type(node).__name__}`")

    def _hashed(self, node: ast.expr) -> object:
        value = self.value(node)
        self.world.spend(value)
        return value

    def _rounds(self, loops: Sequence[ast.comprehension]) -> Iterator[None]:
        """Once for each round of nested loops; their names stay afterwards, which changes no result worth a claim."""
        if not loops:
            yield None
            return
        for item in self.items(loops[0].iter):
            self.assign(loops[0].target, item)
            if all(self.value(test) for test in loops[0].ifs):
                yield from self._rounds(loops[1:])

    def _boolean(self, node: ast.BoolOp) -> object:
        result: object = None
        for part in node.values:
            result = self.value(part)
            if bool(result) is isinstance(node.op, ast.Or):
                break
        return result

    def _compare(self, node: ast.Compare) -> bool:
        left = self.value(node.left)
        for op, operand in zip(node.ops, node.comparators, strict=True):
            right = self.value(operand)
            self.world.spend(left, right)
            if not safe_values.COMPARE[type(op)](safe_values.plain(left), safe_values.plain(right)):
                return False
            left = right
        return True

    def _item(self, container: object, key: ast.expr) -> object:
        if isinstance(key, ast.Slice):
            if not isinstance(container, str | list | tuple):
                raise Unsupported("this slice")
            return container[slice(*(self._bound(part) for part in (key.lower, key.upper, key.step)))]
        index = self._hashed(key)
        match container, index:
            case ((str() | list() | tuple() | range()), int()):
                return container[index]
            case dict(), _:
                return container[index]
            case _:
                raise Unsupported("this subscript")

    def _bound(self, node: ast.expr | None) -> int | None:
        value = None if node is None else self.value(node)
        if not isinstance(value, int | None):
            raise Raised("TypeError")
        return value

    def _text(self, part: ast.expr) -> str:
        match part:
            case ast.Constant(value=str() as text):
                return text
            case ast.FormattedValue(value=inner, conversion=-1, format_spec=form):
                shown = self._text(form) if form else ""
                value = self._hashed(inner)
                return safe_values.formatted(value, shown)
            case ast.JoinedStr(values=parts):
                return "".join(self._text(inner) for inner in parts)
            case _:
                raise Unsupported("this f-string")

    def _call(self, node: ast.Call) -> object:
        values = [self.value(argument) for argument in node.args]
        named = {keyword.arg: self.value(keyword.value) for keyword in node.keywords if keyword.arg}
        if len(named) != len(node.keywords):
            raise Unsupported("`**` in a call")
        self.world.spend(*values)
        match node.func:
            case ast.Name(id=name) if name not in self.names and name in safe_values.FUNCTIONS:
                if not named.keys() <= safe_values.KEYWORDS:
                    raise Unsupported(f"`{name}` called so")
                return safe_values.FUNCTIONS[name](*map(safe_values.plain, values), **named)
            case ast.Name(id=name):
                function = self.name(name)
                if not isinstance(function, Function):
                    raise Unsupported(f"a call of `{name}`")
                return self.world.call(function, values, named)
            case ast.Attribute(value=owner, attr=method) if not named:
                return self._method(self.value(owner), method, values)
            case _:
                raise Unsupported("this call")

    def _method(self, owner: object, method: str, values: Sequence[object]) -> object:
        if method not in safe_values.METHODS.get(type(owner), frozenset()):
            raise Unsupported(f"`.{method}`")
        self.world.spend(owner)
        if method == "join":
            parts = values[0] if values else None
            if not isinstance(parts, list | tuple):
                raise Unsupported("`.join` of such a value")
            safe_values.small(sum(len(str(part)) + len(str(owner)) for part in parts))
        result: object = getattr(owner, method)(*map(safe_values.plain, values))
        safe_values.bounded(owner)
        return list(result) if isinstance(result, KeysView | ValuesView | ItemsView) else result
