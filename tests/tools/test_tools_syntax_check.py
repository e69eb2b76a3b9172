from __future__ import annotations

from pathlib import Path

import pytest

from dsterm.tools.syntax_check import new_problem


@pytest.mark.parametrize(
    ("name", "good", "bad", "words"),
    [
        ("a.py", b"x = 1\n", b"x = 1\nif x\n", "line 2: expected ':'"),
        ("a.pyi", b"x: int\n", b"x: int\n  y: int\n", "line 2: unexpected indent"),
        ("a.json", b'{"a": 1}', b'{"a": 1,}', "line 1: "),
        ("a.toml", b"a = 1\n", b"a = 1\na = 2\n", "at line 2"),
        ("a.yaml", b"a: [1]\n", b"a: [1\nb: 2\n", "line 2: "),
        ("A.YML", b"a: 1\n", b"a: 1\n b: 2\n", "line 2: mapping values are not allowed here"),
        ("a.ipynb", b"{}", b"{", "line 1: "),
    ],
)
def test_only_what_newly_fails_is_said(name, good, bad, words):
    path = Path(name)
    assert words in new_problem(path, good, bad)
    assert new_problem(path, good, bad).startswith("it no longer parses: ")
    assert new_problem(path, None, bad).startswith("it does not parse: ")
    assert new_problem(path, bad, bad + b"\n") == ""
    assert new_problem(path, good, good + b"\n") == ""
    assert new_problem(path, bad, good) == ""
    assert new_problem(path, good, None) == ""


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.txt", b"if x\n"),
        ("tsconfig.build.json", b"// comment\n{}"),
        ("settings.json", b"{ /* comment */ }"),
        ("a.jsonc", b"// comment\n{}"),
        ("a.yaml", b"a: !Ref b\nc: !!python/object:os.system x\nd: &x [*x]\n"),
        ("a.yaml", b"a: 1\n---\nb: 2\n"),
        ("a.py", b"\xef\xbb\xbfx = '\\d'\r\nassert (x, 'y')\r\n"),
        ("a.py", b"x = 1\n" * 300_000 + b"if x\n"),
        ("a.yaml", b"a: [1\n" * 100_000),
        ("a.toml", b"a." * 100_000 + b"b = 1"),
        ("a.py", b"\0"),
    ],
)
def test_what_is_fine_unknown_or_too_long_is_left_in_peace(name, data):
    assert new_problem(Path(name), None, data) == ""


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.json", b"[" * 200_000), ("a.py", b"(" * 5_000), ("a.yaml", b"[" * 90_000), ("a.py", b"not " * 70_000 + b"x")],
    ids=["json", "python", "yaml", "operators"],
)
def test_deep_nesting_is_a_problem_and_no_crash(name, data):
    assert new_problem(Path(name), None, data)


async def test_a_new_problem_is_added_to_the_result_of_every_tool(call, root):
    await call("read", file_path="src/a.py")
    result = await call("edit", file_path="src/a.py", old_string="two", new_string="two(")
    assert result.content == "edited src/a.py: +1 −1\nsrc/a.py: it no longer parses: line 2: '(' was never closed"
    assert (await call("edit", file_path="src/a.py", old_string="two(", new_string="two[")).content.count("\n") == 0
    result = await call("write", file_path="n.json", content="{,}")
    assert "n.json: it does not parse: line 1" in result.content
    patch = "".join(f"*** Add File: {number}.py\n+if\n" for number in range(14))
    result = await call("apply_patch", patch=f"*** Begin Patch\n{patch}*** End Patch\n")
    assert result.content.count("does not parse") == 10
    assert result.content.endswith("4 more files do not parse.")
