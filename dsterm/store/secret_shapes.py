"""Where keys, tokens and passwords stand in a text: by their shape, or by the name in front of them.

Everything here takes time in proportion to the text, whatever the text is: a repetition either ends where the next one could
begin, or is bounded. What has no shape and no name, as a slice out of the middle of a private key, is not found.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import NamedTuple

from dsterm.store.randomness import is_keylike, is_random, is_word

_SHOWN = 4


class SecretSpan(NamedTuple):
    """A secret at `start` up to `end`; `what` says what it is without showing it."""

    start: int
    end: int
    what: str


def _edge(width: int) -> str:
    r"""No letter or digit stands before the `width` characters read so far, but an escape of JSON or C may (`\nsk-...`)."""
    return rf"(?:(?<![A-Za-z0-9].{{{width}}})|(?<=\\[bfnrt].{{{width}}}))"


def _prefixed(prefix: str, width: int, rest: str) -> str:
    return f"{prefix}{_edge(width)}{rest}"


_JWT_PART = "[A-Za-z0-9_-]"
_KEYLIKE = (
    _prefixed("[rs]k-", 3, "[A-Za-z0-9_-]{12,}"),
    _prefixed("[rs]k_(?<!_.{3})", 3, "[A-Za-z0-9_-]{12,}"),
    _prefixed("pypi-", 5, "[A-Za-z0-9_-]{16,}"),
    _prefixed("SG\\.", 3, "[A-Za-z0-9_-]{16,}(?:\\.[A-Za-z0-9_-]{16,})?"),
    _prefixed("xai-", 4, "[A-Za-z0-9]{20,}"),
    _prefixed("pplx-", 5, "[A-Za-z0-9]{20,}"),
)
_TOKENS = (
    _prefixed("gh[pousr]_", 4, "[A-Za-z0-9]{16,}"),
    _prefixed("github_pat_", 11, "[A-Za-z0-9_]{16,}"),
    _prefixed("glpat-", 6, "[A-Za-z0-9_-]{16,}(?:\\.[A-Za-z0-9_-]+)*+"),
    _prefixed("gl(?:dt|rt|ft)-", 5, "[A-Za-z0-9_-]{16,}"),
    _prefixed("xox[abeprs]-", 5, "[A-Za-z0-9-]{10,}"),
    _prefixed("xapp-", 5, "[A-Za-z0-9-]{20,}"),
    _prefixed("A(?:KIA|SIA)", 4, "[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _prefixed("AIza", 4, "[A-Za-z0-9_-]{30,}"),
    _prefixed("GOCSPX-", 7, "[A-Za-z0-9_-]{20,}"),
    _prefixed("ya29\\.", 5, "[A-Za-z0-9_-]{20,}"),
    _prefixed("npm_", 4, "[A-Za-z0-9]{30,}"),
    _prefixed("hf_", 3, "[A-Za-z0-9]{20,}"),
    _prefixed("gsk_", 4, "[A-Za-z0-9]{20,}"),
    _prefixed("nvapi-", 6, "[A-Za-z0-9_-]{20,}"),
    _prefixed("whsec_", 6, "[A-Za-z0-9+/]{20,}"),
    _prefixed("hvs\\.", 4, "[A-Za-z0-9_-]{20,}"),
    _prefixed("AGE-SECRET-KEY-", 15, "[A-Z0-9]{40,}"),
)
# Kept as text until it is needed, as compiling it would be a part of every start.
_PREFIXED = (
    rf"(?P<keylike>{'|'.join(_KEYLIKE)})|(?P<token>{'|'.join(_TOKENS)})"
    # A run of such characters has one beginning, so none is read twice.
    rf"|(?P<jwt>eyJ(?:(?<!{_JWT_PART}eyJ)|(?<=\\[bfnrt]eyJ)){_JWT_PART}{{8,}}+\.{_JWT_PART}{{4,}}+(?:\.{_JWT_PART}*+){{0,3}})"
    r"|hooks\.slack\.com/services/(?P<hook>[A-Za-z0-9/]{20,})"
    # No part of it holds a slash, so it ends before the next address begins.
    r"|://(?P<userinfo>[^\s/\"'<>`]+)@"
)
# Looking for these first spares most texts the rest: nothing is found where none of them is.
_ALL_PREFIX_MARKS = (
    "sk- sk_ rk- rk_ pypi- SG. xai- pplx- ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- gldt- glrt- glft- xox xapp- AKIA ASIA"
    " AIza GOCSPX- ya29. npm_ hf_ gsk_ nvapi- whsec_ hvs. AGE-SECRET eyJ hooks.slack ://"
)
_PREFIX_MARKS = tuple(_ALL_PREFIX_MARKS.split())
_NAME_MARKS = ("pass", "pwd", "secret", "token", "credential", "auth", "key", "bearer")

_BEGIN = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_END = r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_HEADER = r"(?:Proc-Type|DEK-Info|Comment|Version|Hash): [^\n\\]{0,100}"
# What grep puts before a line: the file, the number, both or none.
_FOUND = r"(?:(?:[^\s:]{1,200}[:-])?\d{1,7}[:-]|[^\s:]{1,200}:) ?"
# As it stands in a file, in a string, behind line numbers, in a diff, or found by grep.
_PRIVATE_KEY = re.compile(
    rf"{_BEGIN}(?P<body>(?:{_HEADER}|(?<=\n){_FOUND}|[A-Za-z0-9+/=\s\\\"',]|(?<=\n)-(?!-))*+)(?P<end>-?{_END})?"
)
_KEY_RUN = re.compile(r"[A-Za-z0-9+/=]{16}")
_KEY_LINES = re.compile(r"[A-Za-z0-9+/=]{16,}+(?:(?:\r?\n|\\n)[A-Za-z0-9+/=]{1,15}(?![A-Za-z0-9+/=]))?")
_KEY_END = re.compile(_END)
_KEY_LINE = re.compile(rf"(?:\d{{1,6}}\t|[-+\s]|{_FOUND})?[A-Za-z0-9+/=]{{0,80}}[\"',]{{0,2}}\s?")
_LINE_END = re.compile(r"\r?\n|\\r|\\n")
_LONGEST_TAIL = 20_000

_NAMES = (
    r"pass(?:word|wd|phrase)|pwd|secret|token|credentials?|_auth|[\"']auth"
    r"|(?:api|access|secret|private|auth|encryption|signing|master|account|shared)[_-]?(?:access[_-]?)?key"
)
_QUOTES = r"[\\\"'`\])]{0,4}"
_SIGN = r"\s{0,4}(?::\s{0,2}[A-Za-z][\w.\[\]| ]{0,30}=|:=|=>|={1,2}|:|>)\s{0,4}"
_NAMED = (
    # An authorization header, whose scheme may be anybody's.
    rf"authorization{_QUOTES}\s{{0,4}}[:=]\s{{0,4}}{_QUOTES}[a-z]{{4,12}}\s{{1,4}}(?P<authorization>[a-z0-9._~+/-]{{6,}}={{0,2}})"
    r"|bearer\s{1,4}(?P<bearer>[a-z0-9._~+/-]{8,}={0,2})"
    rf"|secret_?access_?key{_QUOTES}{_SIGN}{_QUOTES}(?P<aws>[a-z0-9/+]{{40}})(?![a-z0-9/+])"
    # The value is looked at without being consumed, so that a name inside it is found too.
    rf"|(?:--(?:[a-z]{{1,20}}-){{0,3}}(?P<flag>token|password|passwd|api-key|secret) {{1,4}}|(?P<name>{_NAMES}){_QUOTES}{_SIGN})"
    r"(?=[bru]{0,2}\\?[\"'`](?P<quoted>[^\s\"'`\\]{8,})|(?P<bare>[a-z0-9+/_.~!@#$%^*-]{8,}+={0,2}+)(?![(\[]))"
)
_PRIVATE_KEY_WORDS = "a private key"
_WORDS = {
    "jwt": "a JSON web token",
    "hook": "the secret part of a webhook's address",
    "authorization": "an Authorization header",
    "bearer": "a bearer token",
    "aws": "an AWS secret access key",
}
_JUDGES: dict[str, Callable[[str], bool]] = {
    "keylike": is_keylike,
    "authorization": lambda value: not is_word(value.rstrip("=")),
    "bearer": lambda value: is_keylike(value) and not is_word(value),
}
_TEMPLATE = re.compile(r"\$[{(]|\{|<|%[({s]|\*+\Z|\.{3}|\[redacted\]|.*(?:a-z|A-Z|0-9|%s|\$\{)")
_VARIABLE = re.compile(r"\$[A-Za-z_]\w*")
_PATHS = ("/", "./", "../", "~/")
_LONG_BARE = 20
"""What stands without quotes and has no digit may be the name of a type or of a variable."""
_PORT = re.compile(r"\d{1,5}[?,;#)]")

_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[()][0-9A-B]|\x1b[=>78]")
"""Escape sequences that colour text; those that carry text of their own (links, titles) are looked into instead."""


def shaped_secrets(text: str) -> list[SecretSpan]:
    """Everything in `text` that is shaped or named like a secret, in order; spans may overlap.

    Colours do not hide a secret: one that is partly coloured, as by `grep --color`, is found as well.
    """
    spans = list(_spans(text))
    if "\x1b" in text:
        spans += _spans_between_escapes(text)
    return sorted(spans)


def _spans_between_escapes(text: str) -> Iterator[SecretSpan]:
    pieces, plain_starts, starts, at, length = [], [0], [0], 0, 0
    for escape in _ESCAPES.finditer(text):
        pieces.append(text[at : escape.start()])
        length += escape.start() - at
        at = escape.end()
        plain_starts.append(length)
        starts.append(at)
    pieces.append(text[at:])

    def place(index: int) -> int:
        piece = bisect_right(plain_starts, index) - 1
        return starts[piece] + index - plain_starts[piece]

    for span in _spans("".join(pieces)):
        yield SecretSpan(place(span.start), place(span.end - 1) + 1, span.what)


def escapes_in(text: str) -> str:
    """The escape sequences of `text` alone, to keep colours going where the rest is masked."""
    return "".join(_ESCAPES.findall(text)) if "\x1b" in text else ""


def _spans(text: str) -> Iterator[SecretSpan]:
    if any(mark in text for mark in _PREFIX_MARKS):
        for match in re.finditer(_PREFIXED, text):
            yield from _userinfo(match) if match["userinfo"] else _of_group(match)
    lowered = text.lower()
    if any(mark in lowered for mark in _NAME_MARKS):
        for match in re.finditer(_NAMED, text, re.IGNORECASE):
            yield from _named(match) if match["name"] or match["flag"] else _of_group(match)
    if "PRIVATE KEY" in text:
        yield from _private_keys(text)


def _of_group(match: re.Match[str]) -> Iterator[SecretSpan]:
    kind = match.lastgroup or ""
    start, end = match.span(kind)
    value = match[kind]
    judge = _JUDGES.get(kind)
    if judge is None or judge(value):
        yield SecretSpan(start, end, _WORDS.get(kind) or f"a key that begins with {value[:_SHOWN]}…")


def _userinfo(match: re.Match[str]) -> Iterator[SecretSpan]:
    """The password of an address, or a user name that is itself a key; `$PASSWORD` and the like are neither."""
    start = match.start("userinfo")
    user, colon, password = match["userinfo"].partition(":")
    if (
        not re.search(r"[?#&=,;(){}\[]", user)
        and password
        and not (_is_filled_in_later(password) or _PORT.match(password))
    ):
        yield SecretSpan(start + len(user) + len(colon), match.end("userinfo"), "a password in an address")
    if is_random(user) and len(user) >= 16:
        yield SecretSpan(start, start + len(user), "a key in an address")


def _named(match: re.Match[str]) -> Iterator[SecretSpan]:
    kind = "quoted" if match["quoted"] is not None else "bare"
    value = match[kind].rstrip(".,;!") if kind == "bare" else match[kind]
    if kind == "bare" and (value.startswith(_PATHS) or (len(value) < _LONG_BARE and not re.search(r"\d", value))):
        return
    if is_random(value) and not _is_filled_in_later(value):
        name = (match["name"] or match["flag"]).strip("_\"'").lower()
        yield SecretSpan(match.start(kind), match.start(kind) + len(value), f"what stands behind `{name}`")


def _is_filled_in_later(value: str) -> bool:
    """Whether a program puts the secret where `value` stands; `$Xk29dL` may be a variable, but reads like a password."""
    return bool(_TEMPLATE.match(value) or (_VARIABLE.fullmatch(value) and not is_random(value[1:])))


def _private_keys(text: str) -> Iterator[SecretSpan]:
    for match in _PRIVATE_KEY.finditer(text):
        body = match["body"]
        if match["end"] and re.search("[A-Za-z0-9]{4}", body):
            yield SecretSpan(match.start(), match.end(), _PRIVATE_KEY_WORDS)
        elif runs := list(_KEY_LINES.finditer(body)):
            # Without its end, it is over where what follows could be anything.
            yield SecretSpan(match.start(), match.start("body") + runs[-1].end(), _PRIVATE_KEY_WORDS)
    # The end of a key whose beginning was cut off.
    before = 0
    for closing in _KEY_END.finditer(text):
        start = _tail_start(text, max(before, closing.start() - _LONGEST_TAIL), closing.start())
        before = closing.end()
        if start < closing.start():
            yield SecretSpan(start, before, _PRIVATE_KEY_WORDS)


def _tail_start(text: str, first: int, end: int) -> int:
    """Where the lines of a key begin that stand right before `end`; `end` itself when there are none."""
    breaks = [(match.start(), match.end()) for match in _LINE_END.finditer(text, first, end)]
    start, line_end, has_run = end, end, False
    for break_start, break_end in [*reversed(breaks), (first, first)]:
        line = text[break_end:line_end]
        if line.strip() and not _KEY_LINE.fullmatch(line):
            break
        has_run = has_run or _KEY_RUN.search(line) is not None
        start, line_end = break_end, break_start
    return start if has_run else end
