"""Outlines where definitions begin a line: Python, Ruby, shell and the like, Markdown and reStructuredText."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from dsterm.render.outline_mask import MaskedCode

_PYTHON = re.compile(
    r"^(?P<indent>[ \t]*)(?:(?P<define>(?:async[ \t]+)?def|class|cdef class|cpdef)\b|(?P<decorator>@[\w.]+))"
    r"|^(?P<constant>[A-Z][A-Z0-9_]*)[ \t]*(?::[^=\n]+)?=(?!=)",
    re.MULTILINE,
)
_BRACKETS = re.compile(r"[()\[\]{}:\n]")
_LINES = {
    "ruby": r"(?:class|module|def|attr_(?:reader|writer|accessor))\b.*",
    "shell": r"(?:function[ \t]+[\w:.-]+|[\w:.-]+[ \t]*\(\))",
    "lua": r"(?:local[ \t]+)?function\b[^\n]*\)|[\w.:]+[ \t]*=[ \t]*function\b[^\n]*\)",
    "elixir": r"(?:defmodule|defp?|defmacrop?|defprotocol|defimpl|defstruct)\b.*",
    "perl": r"(?:package|sub)[ \t]+[\w:]+",
    "haskell": r"(?:module|class|instance|data|newtype|type)\b.*|[\w']+[ \t]*::.*",
    "julia": r"(?:(?:mutable[ \t]+)?struct|module|function|macro|abstract type)\b.*",
    "r": r"[\w.]+[ \t]*(?:<-|=)[ \t]*function\b.*",
    "make": r"[\w./%-]+(?:[ \t]+[\w./%-]+)*[ \t]*::?(?!=)",
    "sql": r"(?i:create)\b[^\n(]*",
    "nim": r"(?:proc|func|method|iterator|template|macro|type)\b.*",
    "clojure": r"\(def[\w-]*[ \t]+[^\s)]+",
    "lisp": r"\(def[\w-]*[ \t]+[^\s)]+",
    "fortran": r"(?i:subroutine|function|module|program|type)\b.*",
}
_EXPRESSIONS = {
    name: re.compile(rf"^(?P<indent>[ \t]*)(?P<head>{body})", re.MULTILINE) for name, body in _LINES.items()
}
_ENDING = re.compile(r"\s*(?:\bdo|=|[{])\s*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t].*|$)")
_UNDERLINE = re.compile(r"([=\-~^\"'`#*+:.])\1{2,}\s*$")

LINE_LANGUAGES = frozenset(_LINES)


def python_outline(code: MaskedCode) -> Iterator[str]:
    """Classes, functions and methods with their whole signatures, what decorates them, and constants of the module."""
    functions: list[int] = []
    decorators: list[str] = []
    for found in _PYTHON.finditer(code.bare):
        if found["constant"]:
            yield code.piece(found.start(), found.end() - 1)
            functions, decorators = [], []
            continue
        indent = len(found["indent"].expandtabs(8))
        while functions and functions[-1] >= indent:
            functions.pop()
        if functions:
            continue
        if found["decorator"]:
            decorators.append(found["indent"] + found["decorator"])
            continue
        yield from decorators
        decorators = []
        yield found["indent"] + code.piece(found.start("define"), _signature_end(code.bare, found.end()))
        if not found["define"].endswith("class"):
            functions.append(indent)


def _signature_end(bare: str, start: int) -> int:
    depth = 0
    for found in _BRACKETS.finditer(bare, start):
        match found[0]:
            case "(" | "[" | "{":
                depth += 1
            case ")" | "]" | "}":
                depth -= 1
            case ":" if depth <= 0:
                return found.start()
            case "\n" if depth <= 0 and bare[found.start() - 1 : found.start()] != "\\":
                return found.start()
            case _:
                pass
    return len(bare)


def line_outline(code: MaskedCode, language: str) -> Iterator[str]:
    """The lines that begin a definition in `language`, one of LINE_LANGUAGES."""
    for found in _EXPRESSIONS[language].finditer(code.bare):
        yield found["indent"] + _ENDING.sub("", code.piece(found.start("head"), found.end()))


def markdown_outline(text: str) -> Iterator[str]:
    """The headings, those in fences left out."""
    fence = ""
    before = ""
    for line in text.split("\n"):
        if found := _FENCE.match(line):
            if not fence:
                fence = found[1]
            elif found[1].startswith(fence) and not line.strip(" `~"):
                fence = ""
            before = ""
        elif not fence:
            if _HEADING.fullmatch(line):
                yield line.strip()
            elif (
                before.strip()
                and re.fullmatch(r" {0,3}(?:=+|-{2,})\s*", line)
                and not before.lstrip().startswith(("-", "|", ">"))
            ):
                yield ("# " if "=" in line else "## ") + before.strip()
            before = line


def rest_outline(text: str) -> Iterator[str]:
    """The titles: lines with a line of marks below that is at least as long."""
    lines = text.split("\n")
    for title, below in itertools.pairwise(lines):
        bare = title.rstrip()
        if bare and not _UNDERLINE.fullmatch(bare) and _UNDERLINE.fullmatch(below) and len(below.rstrip()) >= len(bare):
            yield f"{bare.strip()} ({below[0]})"
