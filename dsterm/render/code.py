"""Code to spans by syntax roles, with pygments, as the code arrives.

Highlighting is cut into segments at blank lines between top-level statements, at places that depend on the text alone:
what is done stays done, however the text was split on its way here.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from dsterm.render.clean import clean_code
from dsterm.render.style import Span, Style

if TYPE_CHECKING:
    from pygments.lexer import Lexer
    from pygments.token import _TokenType

CodeLine = tuple[Span, ...]

SEGMENT = 60
"""Lines after which a segment is closed where the code allows it."""

LIMIT = 2_000
"""Lines of one text that are highlighted; what follows is drawn plain."""

_LONGEST_LINE = 2_000
_CODE = Style.CODE
_PREFERRED = {
    ".fs": "fsharp",
    ".h": "c",
    ".inc": "php",
    ".m": "objective-c",
    ".pl": "perl",
    ".r": "splus",
    ".sql": "sql",
    ".svelte": "html",
    ".v": "verilog",
}
_ROLES = {
    "Comment.Preproc": Style.KEYWORD,
    "Comment.PreprocFile": Style.STRING,
    "Comment": Style.COMMENT,
    "Keyword.Type": Style.TYPE,
    "Keyword": Style.KEYWORD,
    "Operator.Word": Style.KEYWORD,
    "Operator": Style.OPERATOR,
    "Literal.String": Style.STRING,
    "Literal.Number": Style.NUMBER,
    "Literal.Date": Style.NUMBER,
    "Name.Function": Style.FUNCTION,
    "Name.Decorator": Style.FUNCTION,
    "Name.Class": Style.TYPE,
    "Name.Exception": Style.TYPE,
    "Name.Tag": Style.KEYWORD,
    "Name.Attribute": Style.NAME,
    "Name.Builtin": Style.NAME,
    "Name.Constant": Style.NAME,
    "Name.Variable": Style.NAME,
    "Generic.Inserted": Style.ADDED,
    "Generic.Deleted": Style.REMOVED,
    "Generic.Heading": Style.HEADING,
    "Generic.Subheading": Style.HEADING,
    "Generic.Error": Style.ERROR,
    "Generic.Prompt": Style.DIM,
}


class CodeLines:
    """The lines of one piece of code, growing; only whole lines come in."""

    def __init__(self, lexer: Lexer | None) -> None:
        self._lexer = lexer
        self._done: list[CodeLine] = []
        self._segment: list[str] = []
        self._shown: list[CodeLine] = []

    @property
    def settled(self) -> int:
        """How many of the first lines will not change any more."""
        return len(self._done)

    def append(self, lines: Iterable[str]) -> None:
        """Add whole lines, without their line ends."""
        for line in lines:
            text = clean_code(line).expandtabs(4)
            if self._lexer is None or len(self._done) + len(self._segment) >= LIMIT:
                self._close_segment()
                self._done.append(_plain(text))
                continue
            self._segment.append(text)
            if len(self._segment) % SEGMENT == 0:
                self._split_segment(self._lexer)

    def open_lines(self, *, is_final: bool = False) -> list[CodeLine]:
        """The lines after the settled ones; the newest may be plain until `is_final` or more of them have come."""
        fresh = len(self._segment) - len(self._shown)
        if fresh and (is_final or fresh >= max(2, len(self._segment) // 8)):
            self._shown = _highlight(self._lexer, self._segment)[0]
        return self._shown + [_plain(line) for line in self._segment[len(self._shown) :]]

    def settled_lines(self, start: int) -> list[CodeLine]:
        """The settled lines from `start` on."""
        return self._done[start:]

    def finish(self) -> tuple[CodeLine, ...]:
        """All lines, when no more come."""
        self._close_segment()
        return tuple(self._done)

    def _close_segment(self) -> None:
        if self._segment:
            self._done.extend(_highlight(self._lexer, self._segment)[0])
            self._segment, self._shown = [], []

    def _split_segment(self, lexer: Lexer) -> None:
        lines, is_inside = _highlight(lexer, self._segment)
        for at in range(len(lines) - 1, 0, -1):
            begins = self._segment[at][:1]
            if begins and begins not in " )]}" and not self._segment[at - 1].strip() and not is_inside[at - 1]:
                self._done.extend(lines[:at])
                self._segment = self._segment[at:]
                self._shown = lines[at:]
                return
        self._shown = lines


def highlighted(text: str, lexer: Lexer | None) -> tuple[CodeLine, ...]:
    """All lines of a finished piece of code."""
    lines = CodeLines(lexer)
    lines.append(text.removesuffix("\n").split("\n"))
    return lines.finish()


def fence_lexer(info: str) -> Lexer | None:
    """The lexer for a fence's info string (`python`, `py title=x`, `{.rust}`), or None for plain text."""
    words = info.strip().strip("{}").split()
    name = words[0].lstrip(".").split(":")[0].split(",")[0].lower() if words else ""
    return _lexer(name) or file_lexer(f"x.{name}") if name else None


def file_lexer(path: str) -> Lexer | None:
    """The lexer for a file by its name, or None for plain text."""
    name = PurePosixPath(path).name.lower()
    suffix = PurePosixPath(name).suffix
    alias = _PREFERRED.get(suffix) or _file_names().get(name) or _file_names().get(suffix)
    return _lexer(alias) if alias else None


def highlight_lines(lines: Sequence[str], lexer: Lexer | None) -> list[CodeLine]:
    """A few lines from the middle of a file; they are clean and without tabs."""
    return _highlight(lexer, lines)[0] if lines else []


def _plain(text: str) -> CodeLine:
    return (Span(text, _CODE),) if text else ()


def _highlight(lexer: Lexer | None, lines: Sequence[str]) -> tuple[list[CodeLine], list[bool]]:
    """Spans of each line, and whether its end is inside a string or a comment."""
    plain = [_plain(line) for line in lines], [False] * len(lines)
    if lexer is None or max(map(len, lines)) > _LONGEST_LINE:
        return plain
    styled: list[CodeLine] = []
    is_inside: list[bool] = []
    spans: list[Span] = []
    run, style = "", _CODE
    for token, value in lexer.get_tokens("\n".join(lines) + "\n"):
        role = _role(token)
        first, *others = value.split("\n")
        if first:
            if role is not style and run:
                spans.append(Span(run, style))
                run = ""
            style = role
            run += first
        for part in others:
            if run:
                spans.append(Span(run, style))
            styled.append(tuple(spans))
            is_inside.append(role in {Style.STRING, Style.COMMENT})
            spans, run, style = [], part, role
    # A lexer may add or drop characters; the text itself is never changed for the sake of colour.
    is_true = [("".join([span.text for span in line])) for line in styled] == list(lines)
    return (styled, is_inside) if is_true else plain


@functools.cache
def _role(token: _TokenType) -> Style:
    parts = str(token).removeprefix("Token.").split(".")
    for length in range(len(parts), 0, -1):
        role = _ROLES.get(".".join(parts[:length]))
        if role is not None:
            return role
    return _CODE


@functools.cache
def _lexer(alias: str) -> Lexer | None:
    from pygments.lexers import get_lexer_by_name  # noqa: PLC0415 - loaded with the first code

    name = _aliases().get(alias)
    return get_lexer_by_name(name, stripnl=False) if name else None


@functools.cache
def _aliases() -> dict[str, str]:
    from pygments.lexers import get_all_lexers  # noqa: PLC0415

    # Plugins are left out: whatever else is installed must not run here.
    known = get_all_lexers(plugins=False)
    return {alias.lower(): alias for _, aliases, _, _ in known for alias in aliases if alias not in {"text", "output"}}


@functools.cache
def _file_names() -> dict[str, str]:
    from pygments.lexers import get_all_lexers  # noqa: PLC0415

    names: dict[str, str] = {}
    for _, aliases, patterns, _ in get_all_lexers(plugins=False):
        for pattern in patterns:
            key = pattern.removeprefix("*").lower()
            if aliases and not set(key) & set("*?["):
                names.setdefault(key, aliases[0])
    return names
