from __future__ import annotations

import time

import pytest

from dsterm.demo.bug_search import Verdict, find_cure, follow_tests, imported_modules, module_name


def follow(code: str, test: str) -> tuple[Verdict, str]:
    body = "\n".join(f"    {line}" for line in test.split("\n"))
    sources = {"code": code, "test_code": f"from code import *\nfrom code import f\n\ndef test_it():\n{body}\n"}
    (finding,) = follow_tests(sources)
    return finding.verdict, finding.why


FOLLOWED = {
    "arithmetic": ("def f(a, b):\n    return (a + b) * 2 - a // 3 % 2", "assert f(4, 5) == 17"),
    "branches": (
        "def f(a):\n    if a > 1 and not a == 3:\n        return 'x'\n    return 'y' if a else 'z'",
        "assert f(2) + f(3) + f(0) == 'xyz'",
    ),
    "loops": (
        "def f(n):\n    t = 0\n    for i in range(n):\n        if i == 2:\n            continue\n        t += i\n    return t",
        "assert f(5) == 8",
    ),
    "while": ("def f(n):\n    while n > 9:\n        n = n // 10\n    return n", "assert f(12345) == 1"),
    "comprehensions": (
        "def f(xs):\n    return {k: v for k, v in enumerate([x * 2 for x in xs if x])}",
        "assert f([1, 0, 2]) == {0: 2, 1: 4}",
    ),
    "methods": (
        "def f(s):\n    return ' '.join(w.capitalize() for w in s.strip().split())",
        "assert f(' ada b ') == 'Ada B'",
    ),
    "slices": ("def f(s):\n    return s[1:-1] + s[-1] + s[::-1]", "assert f('abc') == 'bccba'"),
    "f-strings": ("def f(x):\n    return f'{x:.2f}|{x:>6}|{x}'", "assert f(1.5) == '1.50|   1.5|1.5'"),
    "defaults": ("LIMIT = 3\ndef f(a, b=LIMIT, *, c=1):\n    return a + b + c", "assert f(1, c=5) == 9"),
    "recursion": ("def f(n):\n    return 1 if n < 2 else n * f(n - 1)", "assert f(6) == 720"),
    "unpacking": ("def f(p):\n    a, (b, c) = p\n    return [a, b, c]", "assert f((1, (2, 3))) == [1, 2, 3]"),
    "items": (
        "def f(d):\n    d['z'] = 1\n    return sorted(d.items(), reverse=True)",
        "assert f({'a': 2}) == [('z', 1), ('a', 2)]",
    ),
    "raises": ("def f(a):\n    raise ValueError('no')", "with pytest.raises(ValueError):\n    f(1)"),
    "index error": ("def f(a):\n    return a[3]", "with pytest.raises(IndexError):\n    f([1])"),
}


@pytest.mark.parametrize("name", FOLLOWED)
def test_simple_code_is_followed_as_python_runs_it(name):
    assert follow(*FOLLOWED[name]) == (Verdict.PASSES, "")


UNFOLLOWED = {
    "import": "import os\ndef f():\n    return os.getcwd()",
    "dunder": "def f():\n    return ().__class__.__bases__",
    "eval": "def f():\n    return eval('1')",
    "open": "def f():\n    return open('/etc/passwd')",
    "getattr": "def f():\n    return getattr(1, 'real')",
    "lambda": "def f():\n    return (lambda: 1)()",
    "endless loop": "def f():\n    while True:\n        pass",
    "endless recursion": "def f():\n    return f()",
    "large power": "def f():\n    return 9 ** 9 ** 9",
    "large text": "def f():\n    return 'x' * 10 ** 9",
    "large range": "def f():\n    return list(range(10 ** 9))",
    "doubling": "def f():\n    a = [1]\n    for _ in range(60):\n        a = [a, a]\n    return str(a)",
    "doubling text": "def f():\n    a = 'x'\n    for _ in range(60):\n        a = a + a\n    return a",
    "wide format": "def f():\n    return f'{1:999999999}'",
    "percent format": "def f():\n    return '%999999999d' % 1",
    "growing list": "def f():\n    a = [1]\n    for _ in range(60):\n        a.extend(a)\n    return a",
    "square brackets": "def f():\n    a = 2\n    for _ in range(60):\n        a = a * a\n    return a",
    "rounding": "def f():\n    return round(5, -10 ** 9)",
    "list in itself": "def f():\n    a = []\n    a.append(a)\n    return a == [a]",
    "class": "class C:\n    pass\ndef f():\n    return C()",
}


@pytest.mark.parametrize("name", UNFOLLOWED)
def test_what_is_unknown_or_too_much_is_not_claimed(name):
    began = time.process_time()
    verdict, why = follow(UNFOLLOWED[name], "assert f() == 1")
    assert (verdict, bool(why)) == (Verdict.UNKNOWN, True)
    assert time.process_time() - began < 1


BUGS = {
    "comparison": ("def f(a):\n    return a > 3", "assert f(3)\nassert not f(2)", ">="),
    "operator": ("def f(a, b):\n    return a - b", "assert f(2, 3) == 5", "+"),
    "constant": ("def f(a):\n    return a + 2", "assert f(1) == 2\nassert f(5) == 6", "1"),
    "arguments": (
        "def g(a, b):\n    return a - b\ndef f(a, b):\n    return g(b, a)",
        "assert f(5, 3) == 2\nassert f(5, 5) == 0",
        "a, b",
    ),
    "negation": (
        "def f(xs):\n    if xs:\n        return 'empty'\n    return 'full'",
        "assert f([]) == 'empty'\nassert f([1]) == 'full'",
        "not xs",
    ),
    "range": ("def f(n):\n    return sum(range(n))", "assert f(3) == 6\nassert f(4) == 10", "n + 1"),
    "min and max": ("def f(xs):\n    return max(xs)", "assert f([1, 2]) == 1", "min"),
    "and": ("def f(a, b):\n    return a and b", "assert f(True, False)\nassert not f(False, False)", "or"),
    "accumulation": (
        "def f(xs):\n    t = 0\n    for x in xs:\n        t -= x\n    return t",
        "assert f([1, 2]) == 3",
        "+",
    ),
}


@pytest.mark.parametrize("name", BUGS)
def test_one_small_change_is_found(name):
    code, test, new = BUGS[name]
    body = "\n".join(f"    {line}" for line in test.split("\n"))
    sources = {"code": f"# größer\n{code}\n", "test_code": f"from code import f\n\ndef test_it():\n{body}\n"}
    cure = find_cure(sources, follow_tests(sources))
    assert cure is not None
    assert (cure.module, cure.mutation.new) == ("code", new)
    changed = {**sources, "code": cure.mutation.applied(sources["code"])}
    assert [finding.verdict for finding in follow_tests(changed)] == [Verdict.PASSES]


def test_bug_without_a_small_cure_is_given_up_on():
    sources = {
        "code": "def f(a):\n    return 'no'\n",
        "test_code": "from code import f\n\ndef test_it():\n    assert f(1) == [7]\n",
    }
    assert find_cure(sources, follow_tests(sources)) is None


def test_relative_imports_are_followed():
    sources = {
        "pkg.a": "from .b import g\n\ndef f(x):\n    return g(x) + 1\n",
        "pkg.b": "def g(x):\n    return x\n",
        "tests.test_a": "from pkg.a import f\n\ndef test_it():\n    assert f(1) == 2\n",
    }
    assert [finding.verdict for finding in follow_tests(sources)] == [Verdict.PASSES]
    assert imported_modules("pkg.a", sources["pkg.a"]) == ["pkg.b"]


def test_tests_with_fixtures_and_decorators_are_left_out():
    code = "import pytest\n\ndef test_a(tmp_path):\n    assert 0\n\n@pytest.mark.skip\ndef test_b():\n    assert 0\n"
    assert follow_tests({"test_code": code}) == []


def test_modules_are_named_after_their_files():
    assert [module_name(path) for path in ("src/a/b.py", "a/__init__.py", "c.py")] == ["a.b", "a", "c"]
