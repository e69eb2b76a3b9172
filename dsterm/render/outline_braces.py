"""Outlines of languages that put bodies in braces: C and its kin, Java, JavaScript, Go, Rust, PHP and the like.

A scan over brackets, semicolons and line ends: what stands before a brace is the head of a type (its members are looked at), of a
function (its body is passed over), or of something else (passed over as well).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum

import msgspec

from dsterm.render.outline_mask import MaskedCode

_MARKS = re.compile(r"[{}()\[\];\n]")
_CONTROL = re.compile(
    r"(?:if|else|elif|elseif|for|foreach|while|switch|do|try|catch|finally|return|case|default|match|loop|with|lock|using"
    r"|synchronized|defer|go|select|guard|when|repeat|throw|new|await|yield|import|unsafe|static|goto|use|include|require)\b"
)
_TYPE = re.compile(
    r"\b(?:class|interface|struct|enum|trait|impl|namespace|module|object|protocol|extension|union|record|mod|contract|extern"
    r"|service|message|actor|annotation)\b(?=\s*[<\w\"]|\s*$)|@(?:interface|implementation|protocol)\b"
)
_FUNCTION = re.compile(r"\b(?:fn|func|function|fun|def|sub|proc|constructor|init|deinit|rpc|macro_rules)\b")
_ALIAS = re.compile(r"(?:export\s+|pub(?:\([^)]*\))?\s+|declare\s+)*(?:type|typealias)\s+\w")
_CALLABLE = re.compile(r"(?P<before>[^=(]*[\w$~>\]?!])\s*\(")
_LABEL = re.compile(
    r"\s*(?:(?:public|private|protected|default|signals|Q_OBJECT|(?:public|private|protected)\s+slots)\s*:(?!:)\s*)+"
)
_GOES_ON = re.compile(r"(?:[,=+\-*/&|<:?.]|=>|->|\b(?:extends|implements|where|throws))\s*$")
_INITIALISED = re.compile(r"\)\s*:(?!:)")
_LONGEST = 400


class Braces(msgspec.Struct, frozen=True, kw_only=True):
    """What tells one of these languages from the others: whether a line end ends a statement, whether functions have a keyword,
    whether a type's name may be followed by parentheses, whether calls stand beside declarations, and whether what follows a
    signature after a colon is no part of it.
    """

    by_line: bool = False
    has_keyword: bool = False
    types_take_arguments: bool = False
    calls_at_top: bool = False
    by_colon: bool = False


BRACE_LANGUAGES = {
    "c": Braces(),
    "c++": Braces(by_colon=True),
    "objective-c": Braces(),
    "c#": Braces(types_take_arguments=True),
    "java": Braces(types_take_arguments=True),
    "dart": Braces(),
    "groovy": Braces(by_line=True, types_take_arguments=True, calls_at_top=True),
    "javascript": Braces(by_line=True, types_take_arguments=True, calls_at_top=True),
    "typescript": Braces(by_line=True, types_take_arguments=True, calls_at_top=True),
    "go": Braces(by_line=True, has_keyword=True),
    "rust": Braces(has_keyword=True, types_take_arguments=True),
    "kotlin": Braces(by_line=True, has_keyword=True, types_take_arguments=True),
    "swift": Braces(by_line=True, has_keyword=True, types_take_arguments=True),
    "scala": Braces(by_line=True, has_keyword=True, types_take_arguments=True),
    "php": Braces(has_keyword=True),
    "solidity": Braces(has_keyword=True),
    "protobuf": Braces(has_keyword=True),
}


class _Kind(Enum):
    TYPE = 1
    BODY = 2


class _Open(msgspec.Struct, frozen=True):
    """A brace that is open: what is in it, how many parentheses were open before it, whether the statement goes on after it."""

    kind: _Kind
    parentheses: int
    start: int
    is_interface: bool = False


def brace_outline(code: MaskedCode, language: Braces) -> Iterator[str]:
    """Types with their members, and functions, a line each."""
    return _Scan(code, language).lines()


class _Scan:
    def __init__(self, code: MaskedCode, language: Braces) -> None:
        self._code = code
        self._language = language
        self._stack: list[_Open] = []
        self._start = 0
        self._parentheses = 0
        self._bodies = 0

    def lines(self) -> Iterator[str]:
        bare = self._code.bare
        for found in _MARKS.finditer(bare):
            at = found.start()
            match found[0]:
                case "(" | "[":
                    self._parentheses += 1
                case ")" | "]":
                    self._parentheses = max(0, self._parentheses - 1)
                case "{":
                    yield from self._open(at)
                case "}":
                    if not self._bodies and not self._parentheses:
                        yield from self._statement(at)
                    self._close(at)
                case _ if self._bodies or self._parentheses:
                    pass
                case ";":
                    yield from self._statement(at)
                case _ if self._language.by_line and self._ends_here(at):
                    yield from self._statement(at)
                case _:
                    pass

    def _open(self, at: int) -> Iterator[str]:
        head_start = self._head_start()
        head = self._code.bare[head_start:at].strip()
        if self._parentheses or self._bodies:
            self._push(_Kind.BODY)
            return
        if (
            self._language.by_line
            and re.search(r"\b(?:interface|struct)$", head)
            and self._code.bare[at + 1 : at + 2] == "}"
        ):
            # Go's empty type, in the middle of a signature.
            self._push(_Kind.BODY)
            return
        if _CONTROL.match(head) is None and self._is_type(head):
            yield self._line(head_start, at)
            self._stack.append(_Open(_Kind.TYPE, 0, at + 1, is_interface="interface" in head))
            self._start = at + 1
            return
        if self._is_function(head) or _ALIAS.match(head):
            yield self._line(head_start, at)
        self._push(_Kind.BODY, at + 1)

    def _push(self, kind: _Kind, start: int = -1) -> None:
        self._stack.append(_Open(kind, self._parentheses, self._start if start < 0 else -1))
        self._parentheses = 0
        self._bodies += 1

    def _close(self, at: int) -> None:
        if not self._stack:
            self._start, self._parentheses = at + 1, 0
            return
        closed = self._stack.pop()
        self._parentheses = closed.parentheses
        if closed.kind is _Kind.BODY:
            self._bodies -= 1
        if closed.kind is _Kind.TYPE or closed.start < 0:
            self._start = at + 1

    def _statement(self, at: int) -> Iterator[str]:
        """A statement without a body ends at `at`: a prototype, a method of an interface, an alias."""
        head_start = self._head_start()
        head = self._code.bare[head_start:at].strip()
        self._start = at + 1
        if not head or _CONTROL.match(head):
            return
        inside = self._stack[-1] if self._stack else None
        if _ALIAS.match(head) or self._is_declared_type(head):
            yield self._line(head_start, at)
        elif _FUNCTION.search(head):
            if self._is_function(head):
                yield self._line(head_start, at)
        elif "(" in head and not self._language.has_keyword and (inside or not self._language.calls_at_top):
            words = len(head.split("(")[0].split())
            if self._is_function(head) and (words > 1 or self._language.calls_at_top):
                yield self._line(head_start, at)
        elif inside is not None and inside.is_interface and self._language.has_keyword and "(" in head:
            yield self._line(head_start, at)

    def _ends_here(self, at: int) -> bool:
        bare = self._code.bare
        head = bare[self._start : at]
        if not head.strip() or _GOES_ON.search(head):
            return False
        following = re.compile(r"\s*(\S?)").match(bare, at)
        return following is None or following[1] not in {"{", ".", "=", ":", "?"}

    def _head_start(self) -> int:
        label = _LABEL.match(self._code.bare, self._start)
        return label.end() if label else self._start

    def _is_type(self, head: str) -> bool:
        if _TYPE.search(head) is None:
            return False
        return "(" not in head or (self._language.types_take_arguments and _FUNCTION.search(head) is None)

    def _is_declared_type(self, head: str) -> bool:
        """Whether a type is declared without a body, as a tuple is in Rust and a class in Kotlin."""
        has_such = self._language.types_take_arguments and not self._language.calls_at_top
        return has_such and "=" not in head and "(" in head and self._is_type(head)

    def _is_function(self, head: str) -> bool:
        if not head or _CONTROL.match(head):
            return False
        if _FUNCTION.search(head) or head.endswith("=>"):
            return True
        return not self._language.has_keyword and _CALLABLE.match(head) is not None

    def _line(self, start: int, end: int) -> str:
        depth = sum(one.kind is _Kind.TYPE for one in self._stack)
        head = _INITIALISED.split(self._code.piece(start, end), maxsplit=1)
        shown = head[0] + ")" if len(head) > 1 and self._language.by_colon else self._code.piece(start, end)
        return ("    " * depth + shown.rstrip(" ="))[:_LONGEST]
