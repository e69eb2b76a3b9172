"""Follow tests through the small evaluator, and search for the one small change of the code that makes them all hold."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from enum import StrEnum

import msgspec

from dsterm.demo.evaluator import AssertionFailed, Budget, Evaluator, imported_module
from dsterm.demo.expressions import Function
from dsterm.demo.mutations import Mutation, mutations
from dsterm.demo.parsing import parse_python
from dsterm.demo.safe_values import Raised, Unsupported

_STEPS_OF_A_TEST = 20_000
_STEPS_IN_ALL = 1_000_000


class Verdict(StrEnum):
    """How a test ends; unknown where the evaluator can't follow it."""

    PASSES = "passes"
    FAILS = "fails"
    UNKNOWN = "unknown"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one test: `why` is the assert that fails, or what could not be followed."""

    module: str
    test: str
    verdict: Verdict
    why: str = ""
    called: frozenset[tuple[str, str]] = frozenset()


class Cure(msgspec.Struct, frozen=True, kw_only=True):
    """The change that makes every test hold that can be followed; `tried` counts the changes looked at."""

    module: str
    function: str
    mutation: Mutation
    tried: int


def module_name(path: str) -> str:
    """The dotted name under which a file is imported; a leading `src` is not part of it."""
    parts = path.removesuffix(".py").split("/")
    parts = parts[1:] if parts[0] == "src" and len(parts) > 1 else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def imported_modules(name: str, text: str) -> list[str]:
    """The modules whose names the module `name` imports with `from ... import`."""
    tree = _parsed(text)
    nodes = [node for node in tree.body if isinstance(node, ast.ImportFrom)] if tree else []
    return [imported_module(name, node) for node in nodes if node.module != "__future__"]


def follow_tests(sources: Mapping[str, str]) -> list[Finding]:
    """What becomes of every test function in `sources` (dotted module name to text)."""
    trees = _trees(sources)
    return [_follow(trees, function, _STEPS_OF_A_TEST)[0] for function in _tests(trees)]


def find_cure(sources: Mapping[str, str], findings: list[Finding]) -> Cure | None:
    """The first small change after which no test fails and none is lost, None when there is none or the search gets long."""
    trees = _trees(sources)
    failing = [finding for finding in findings if finding.verdict is Verdict.FAILS]
    watched = {(finding.module, finding.test) for finding in findings if finding.verdict is not Verdict.UNKNOWN}
    suspects = set.intersection(*(set(finding.called) for finding in failing)) if failing else set()
    suspects -= {(finding.module, finding.test) for finding in findings}
    tests = sorted(
        (test for test in _tests(trees) if (test.module, test.node.name) in watched),
        key=lambda test: all(finding.test != test.node.name for finding in failing),
    )
    tried, steps = 0, _STEPS_IN_ALL
    for module, function in sorted(suspects):
        for mutation in mutations(sources[module], function):
            tried += 1
            changed = _parsed(mutation.applied(sources[module]))
            if changed is None:
                continue
            holds, used = _all_hold({**trees, module: changed}, tests, steps)
            steps -= used
            if holds:
                return Cure(module=module, function=function, mutation=mutation, tried=tried)
            if steps <= 0:
                return None
    return None


def _all_hold(trees: Mapping[str, ast.Module], tests: list[Function], steps: int) -> tuple[bool, int]:
    used = 0
    for test in tests:
        finding, spent = _follow(trees, test, min(_STEPS_OF_A_TEST, max(0, steps - used)))
        used += spent
        if finding.verdict is not Verdict.PASSES:
            return False, used
    return True, used


def _follow(trees: Mapping[str, ast.Module], test: Function, steps: int) -> tuple[Finding, int]:
    budget = Budget(steps)
    evaluator = Evaluator(trees, budget)
    verdict, why = Verdict.PASSES, ""
    try:
        evaluator.call(test, (), {})
    except AssertionFailed as failed:
        verdict, why = Verdict.FAILS, ast.unparse(failed.node.test)
    except Raised as raised:
        verdict, why = Verdict.FAILS, f"{raised.name} is raised"
    except (Unsupported, RecursionError) as problem:
        verdict, why = Verdict.UNKNOWN, str(problem)
    finding = Finding(
        module=test.module, test=test.node.name, verdict=verdict, why=why, called=frozenset(evaluator.called)
    )
    return finding, steps - max(0, budget.left)


def _tests(trees: Mapping[str, ast.Module]) -> Iterator[Function]:
    """Test functions that need nothing handed in."""
    for name, tree in trees.items():
        for node in tree.body:
            is_test = isinstance(node, ast.FunctionDef) and node.name.startswith("test")
            if isinstance(node, ast.FunctionDef) and is_test and not node.args.args and not node.decorator_list:
                yield Function(name, node)


def _trees(sources: Mapping[str, str]) -> dict[str, ast.Module]:
    parsed = {name: _parsed(text) for name, text in sources.items()}
    return {name: tree for name, tree in parsed.items() if tree is not None}


def _parsed(text: str) -> ast.Module | None:
    parsed = parse_python(text)
    return None if isinstance(parsed, SyntaxError) else parsed
