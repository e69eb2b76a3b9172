"""Which outline a file gets: by its name where that says it all, else by the language that pygments takes it for."""

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


def outline_lines(path: str, text: str) -> Iterator[str]:
    """The signatures or headings in `text`, the file at `path`; lines may be blank or end with blanks."""
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
    if language != "python" and language not in BRACE_LANGUAGES and language not in LINE_LANGUAGES:
        return
    masked = mask(text, lexer)
    if masked is None:
        return
    if language == "python":
        yield from python_outline(masked)
    elif language in BRACE_LANGUAGES:
        yield from brace_outline(masked, BRACE_LANGUAGES[language])
    else:
        yield from line_outline(masked, language)
