from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsterm.render.code import LIMIT, SEGMENT, CodeLines, fence_lexer, file_lexer, highlighted
from dsterm.render.style import Style

SOURCE = [f"def f{n}(x):\n    '''doc\n\n    more'''\n    return {n}  # why\n\n" for n in range(SEGMENT)]
LINES = "".join(SOURCE).split("\n")


def test_python_has_its_roles() -> None:
    (line,) = highlighted("def f(): return 'a', 1  # c\n", fence_lexer("python"))
    looks = {span.text: span.style for span in line}
    assert looks["def"] is Style.KEYWORD
    assert looks["f"] is Style.FUNCTION
    assert looks["'a'"] is Style.STRING
    assert looks["1"] is Style.NUMBER
    assert looks["# c"] is Style.COMMENT


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 40)))
def test_growing_code_ends_as_the_whole(sizes: list[int]) -> None:
    code = CodeLines(fence_lexer("python"))
    at, settled = 0, list[object]()
    for size in [*sizes, len(LINES)]:
        code.append(LINES[at : at + size])
        code.open_lines()
        at += size
        assert code.settled_lines(0)[: len(settled)] == settled
        settled = list(code.settled_lines(0))
    assert code.finish() == highlighted("\n".join(LINES) + "\n", fence_lexer("python"))


def test_long_code_settles_on_the_way() -> None:
    code = CodeLines(fence_lexer("python"))
    code.append(LINES[: SEGMENT * 3])
    assert code.settled > SEGMENT


def test_a_string_over_many_lines_is_not_cut() -> None:
    text = "x = '''\n" + "\n\ntext\n" * SEGMENT + "'''\n"
    lines = highlighted(text, fence_lexer("python"))
    assert {span.style for line in lines[1:-1] for span in line} == {Style.STRING}


def test_nothing_is_coloured_beyond_the_limit() -> None:
    lines = highlighted("x = 1\n" * (LIMIT + 10), fence_lexer("python"))
    assert len(lines) == LIMIT + 10
    assert [span.style for span in lines[-1]] == [Style.CODE]
    assert Style.NUMBER in [span.style for span in lines[0]]


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_colour_never_changes_the_text(text: str) -> None:
    plain = ["".join(span.text for span in line) for line in highlighted(text, None)]
    for language in ("python", "js", "console", "json"):
        assert ["".join(span.text for span in line) for line in highlighted(text, fence_lexer(language))] == plain


@pytest.mark.parametrize("info", ["py", "python title=x", "{.python}", "python:src/a.py", "PYTHON"])
def test_info_strings_name_a_language(info: str) -> None:
    lexer = fence_lexer(info)
    assert lexer is not None
    assert lexer.name == "Python"


def test_unknown_languages_and_plain_files_have_no_lexer() -> None:
    assert fence_lexer("") is None
    assert fence_lexer("nonsense") is None
    assert file_lexer("LICENSE") is None
    assert file_lexer("a/b.sql").name == "SQL"


def test_importing_render_loads_neither_parser_nor_highlighter() -> None:
    program = (
        "import sys, dsterm.render.transcript, dsterm.render.status, dsterm.render.diff, dsterm.render.themes\n"
        "print([n for n in ('pygments', 'markdown_it', 'wcwidth', 'textual', 'rich') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
