"""The outline of a file: its signatures or headings, from the tokens of its language."""

from __future__ import annotations

from collections.abc import Iterator

from dsterm.render.outline_braces import BRACE_LANGUAGES, brace_outline
from dsterm.render.outline_lines import (
    LINE_LANGUAGES,
    line_outline,
    markdown_outline,
    python_outline,
    rest_outline,
)
from dsterm.render.outline_mask import mask

VERSION = "1"
"""Part of the name under which tokens of outlines are kept: raise it when an outline comes out otherwise than before."""

_LARGEST = 400_000
"""Characters; a larger file is data or made by a program, and takes seconds to read."""

_LANGUAGES = {
    "bash": "shell",
    "zsh": "shell",
    "fish": "shell",
    "ecmascript": "javascript",
    "jsx": "javascript",
    "react": "javascript",
    "tsx": "typescript",
    "cython": "python",
    "cuda": "c++",
    "makefile": "make",
    "common lisp": "lisp",
    "emacslisp": "lisp",
    "scheme": "lisp",
    "protocol buffer": "protobuf",
    "python 2.x": "python",
    "objective-c++": "objective-c",
    "s": "r",
    "fortranfixed": "fortran",
    "postgresql sql dialect": "sql",
    "mysql": "sql",
}


class TokenOutline:
    """Makes outlines; safe in any thread."""

    def outline(self, path: str, text: str) -> str:
        """The signatures in `text`, a line each, inner ones indented; empty where there are none, or the language isn't known."""
        lines = [line.rstrip() for line in _lines(path, text.replace("\r\n", "\n"))]
        return "".join(f"{line}\n" for line in lines if line.strip())


def _lines(path: str, text: str) -> Iterator[str]:
    small = path.casefold()
    if small.endswith((".md", ".markdown", ".mdx")):
        yield from markdown_outline(text)
        return
    if small.endswith((".rst", ".rest")):
        yield from rest_outline(text)
        return
    if len(text) > _LARGEST:
        return
    from dsterm.render.code import file_lexer  # noqa: PLC0415 - pygments comes with the first outline

    lexer = file_lexer(path)
    if lexer is None:
        return
    name = lexer.name.casefold()
    language = _LANGUAGES.get(name, name)
    if language == "python":
        yield from python_outline(mask(text, lexer))
    elif language in BRACE_LANGUAGES:
        yield from brace_outline(mask(text, lexer), BRACE_LANGUAGES[language])
    elif language in LINE_LANGUAGES:
        yield from line_outline(mask(text, lexer), language)
