"""A small evaluator for simple Python functions, so that their tests can be followed without running any code of the repository.

It walks the syntax tree over plain values, knows no import, no file and no attribute but a few methods, and has a budget of
steps. What it does not know raises Unsupported, and then nothing is claimed about the code.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from dsterm.demo import safe_values
from dsterm.demo.expressions import Expressions, Function
from dsterm.demo.safe_values import Raised, Unsupported

_MOST_DEPTH = 30


class AssertionFailed(Exception):
    """An assert of the evaluated code does not hold; `node` is that assert."""

    def __init__(self, node: ast.Assert) -> None:
        super().__init__(ast.unparse(node))
        self.node = node


class Budget:
    """Steps that are left."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def spend(self, steps: int = 1) -> None:
        """Use up some steps; Unsupported when there are none left."""
        self.left -= steps
        if self.left < 0:
            raise Unsupported("that many steps")


class _Returned(Exception):
    def __init__(self, value: object) -> None:
        super().__init__()
        self.value = value


class _LoopLeft(Exception):
    def __init__(self, *, goes_on: bool) -> None:
        super().__init__()
        self.goes_on = goes_on


class Evaluator:
    """Evaluates functions of `modules` (dotted name to tree). `called` collects the functions that were entered."""

    def __init__(self, modules: Mapping[str, ast.Module], budget: Budget) -> None:
        self._modules = modules
        self._budget = budget
        self._depth = 0
        self.called: set[tuple[str, str]] = set()

    def call(self, function: Function, values: Sequence[object], named: Mapping[str, object]) -> object:
        """What `function` returns. Raises AssertionFailed, Raised, or Unsupported."""
        self._depth += 1
        try:
            if self._depth > _MOST_DEPTH:
                raise Unsupported("calls that deep")
            self.called.add((function.module, function.node.name))
            frame = _Frame(self, function.module, self._bind(function, values, named))
            frame.run(function.node.body)
        except _Returned as returned:
            return returned.value
        finally:
            self._depth -= 1
        return None

    def lookup(self, module: str, name: str, depth: int = 0) -> object:
        """What `name` means at the top of `module`: a function, a constant, or what it is imported as."""
        tree = self._modules.get(module)
        if tree is None or depth > _MOST_DEPTH:
            raise Unsupported(f"`{name}`")
        for node in reversed(tree.body):
            match node:
                case ast.FunctionDef() if node.name == name and not node.decorator_list:
                    return Function(module, node)
                case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                    return self.evaluate(module, value)
                case ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value) if target == name:
                    return self.evaluate(module, value)
                case ast.ImportFrom():
                    for alias in node.names:
                        if (alias.asname or alias.name) == name:
                            return self.lookup(imported_module(module, node), alias.name, depth + 1)
        raise Unsupported(f"`{name}`")

    def evaluate(self, module: str, node: ast.expr) -> object:
        """The value of an expression at the top of `module`."""
        return _Frame(self, module, {}).value(node)

    def spend(self, *values: object) -> None:
        """Pay for one step on `values`."""
        self._budget.spend(1 + sum(safe_values.weight(value, self._budget.left) for value in values))

    def _bind(self, function: Function, values: Sequence[object], named: Mapping[str, object]) -> dict[str, object]:
        arguments = function.node.args
        if arguments.vararg or arguments.kwarg:
            raise Unsupported("`*args` and `**kwargs`")
        positional = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
        names = [*positional, *(argument.arg for argument in arguments.kwonlyargs)]
        defaults = dict(zip(reversed(positional), reversed(arguments.defaults), strict=False))
        keyword_only = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        defaults |= {argument.arg: default for argument, default in keyword_only if default}
        bound = dict(zip(positional, values, strict=False)) | dict(named)
        if len(values) > len(positional) or not bound.keys() <= set(names):
            raise Raised("TypeError")
        for name in names:
            if name not in bound:
                if name not in defaults:
                    raise Raised("TypeError")
                bound[name] = self.evaluate(function.module, defaults[name])
        return bound


def imported_module(module: str, node: ast.ImportFrom) -> str:
    """The dotted name that `from ... import` means inside of `module`."""
    if not node.level:
        return node.module or ""
    package = module.split(".")[: -node.level]
    return ".".join([*package, node.module] if node.module else package)


class _Frame(Expressions):
    """One call in progress."""

    def run(self, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            self.world.spend()
            self._run(statement)

    def _run(self, node: ast.stmt) -> None:
        match node:
            case ast.Return(value=value):
                raise _Returned(self.value(value) if value else None)
            case ast.Assign(targets=targets, value=value):
                result = self.value(value)
                for target in targets:
                    self.assign(target, result)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self.assign(target, self.value(value))
            case ast.AugAssign(target=ast.Name(id=name) as target, op=op, value=value):
                self.assign(target, self.binary(type(op), self.name(name), self.value(value)))
            case ast.If(test=test, body=body, orelse=orelse):
                self.run(body if self.value(test) else orelse)
            case ast.For() | ast.While():
                self._loop(node)
            case ast.Break() | ast.Continue():
                raise _LoopLeft(goes_on=isinstance(node, ast.Continue))
            case ast.Assert(test=test):
                if not self.value(test):
                    raise AssertionFailed(node)
            case ast.Raise(exc=ast.Call(func=ast.Name(id=name)) | ast.Name(id=name)):
                raise Raised(name)
            case ast.With(
                items=[
                    ast.withitem(
                        context_expr=ast.Call(func=ast.Attribute(attr="raises" | "assertRaises"), args=[wanted])
                    )
                ],
                body=body,
            ):
                self._expect_raise(body, wanted)
            case ast.Expr(value=value):
                self.value(value)
            case ast.Pass():
                pass
            case _:
                raise Unsupported(f"`{type(node).__name__}`")

    def _expect_raise(self, body: Sequence[ast.stmt], wanted: ast.expr) -> None:
        """What `pytest.raises` and `assertRaises` do, for one exception by its exact name."""
        name = wanted.id if isinstance(wanted, ast.Name) else ""
        try:
            self.run(body)
        except Raised as raised:
            if raised.name == name:
                return
            raise Unsupported(f"`{raised.name}` where `{name}` was expected") from raised
        raise AssertionFailed(ast.Assert(test=ast.Constant(value=f"raises {name}")))

    def _loop(self, node: ast.For | ast.While) -> None:
        rounds = iter(self.items(node.iter)) if isinstance(node, ast.For) else None
        while True:
            self.world.spend()
            try:
                if isinstance(node, ast.For) and rounds is not None:
                    self.assign(node.target, next(rounds))
                elif isinstance(node, ast.While) and not self.value(node.test):
                    break
                self.run(node.body)
            except StopIteration:
                break
            except _LoopLeft as left:
                if not left.goes_on:
                    return
        self.run(node.orelse)
