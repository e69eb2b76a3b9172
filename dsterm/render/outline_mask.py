"""Code without what could be mistaken for code: comments and strings blanked out, every other character at its place."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pygments.lexer import Lexer
    from pygments.token import _TokenType


_SECONDS = 0.5
_SECONDS_PER_CHARACTER = 20e-6
"""Of processor time for one file, ten times what languages take. Files made for it keep some lexers busy for hours."""


class MaskedCode(msgspec.Struct, frozen=True, kw_only=True):
    """`bare` has neither comments nor strings, for finding things; `shown` has no comments, for showing them. Same length."""

    bare: str
    shown: str

    def piece(self, start: int, end: int) -> str:
        """What is shown between two places, on one line."""
        return " ".join(self.shown[start:end].split())


def mask(text: str, lexer: Lexer) -> MaskedCode | None:
    """Blank out comments and strings of `text`, whose lines end in a bare line feed; None where that takes far too long."""
    from pygments.token import Comment, String  # noqa: PLC0415 - loaded with the first outline

    bare: list[str] = []
    shown: list[str] = []
    position = 0
    until = time.thread_time() + _SECONDS + _SECONDS_PER_CHARACTER * len(text)
    for start, kind, value in lexer.get_tokens_unprocessed(text):
        if time.thread_time() > until:
            return None
        # Some lexers go back or pass over a character; the places must stay true.
        if start < position:
            continue
        gap = text[position:start]
        is_comment, is_string = _is_in(kind, Comment, String.Doc), _is_in(kind, String)
        bare.append(gap + (_blank(value) if is_comment or is_string else value))
        shown.append(gap + (_blank(value) if is_comment else value))
        position = start + len(value)
    rest = text[position:]
    return MaskedCode(bare="".join(bare) + rest, shown="".join(shown) + rest)


def _is_in(kind: _TokenType, *wider: _TokenType) -> bool:
    """Whether a kind of token is one of these or part of one."""
    return any(kind[: len(one)] == one for one in wider) and kind[-1:] != ("Symbol",)


def _blank(value: str) -> str:
    return "\n".join(" " * len(line) for line in value.split("\n"))
