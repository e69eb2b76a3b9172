"""How models spell tool calls when they leak into the answer: what opens such markup and what closes it.

The model's own format is `<｜DSML｜tool_calls>` with `invoke` and `parameter` inside; it also comes with other bars, with a
space behind them, without the prefix, as JSON in `<tool_call>` or `[TOOL_CALL]`, and as `<｜tool▁calls▁begin｜>`.
"""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec

BARS = "|\uff5c\u2016\u2223\uffe8"
"""What models write for a bar, inside of a character class."""

_TAG_SIZE = 512
_HEAD_SIZE = 40
_DSML = rf"[{BARS}]{{1,2}}\s*DSML\s*[{BARS}]{{1,2}}\s*"
_WORDS = r"tool[_-]?calls?|function[_-]?calls?"
_PLAIN = str.maketrans(dict.fromkeys(BARS, "|") | {"\u2581": "_", "-": "_"})
_BRACKET = "[TOOL_CALL"
_DSML_HEADS = ("<|dsml|", "</|dsml|")
_SECTION_HEAD = "<|tool_call"
_WRAPPER_HEADS = tuple(f"<{name}{end}>" for name in ("tool_call", "toolcall", "function_call") for end in ("", "s"))
_HEADS = (*_DSML_HEADS, _SECTION_HEAD, "<invoke ", "</think>", *_WRAPPER_HEADS)

_DSML_TAG = re.compile(rf"<(/?){_DSML}({_WORDS}|calls|invoke|parameter)\b([^<>]*)>", re.IGNORECASE)
_BARE_INVOKE = re.compile(r"""<invoke\s+name\s*=\s*("[^"<>]*"|'[^'<>]*')\s*>""", re.IGNORECASE)
_WRAPPER = re.compile(rf"<({_WORDS})>", re.IGNORECASE)
_SECTION_TAG = re.compile(rf"<[{BARS}]{{1,2}}tool[_\u2581]([a-z_\u2581]+)[{BARS}]{{1,2}}>", re.IGNORECASE)
_BRACKET_TAG = re.compile(r"\[TOOL_CALLS?\]")
_INSIDE_INVOKE = ("<parameter", "</invoke")


class Form(StrEnum):
    """What a piece of markup is: calls in tags, JSON in tags or brackets, a section of calls; or one tag without the rest.

    `UNDECIDED`: more text has to come. `THOUGHT_END` is a `</think>`.
    """

    TAGS = "tags"
    JSON = "json"
    SECTION = "section"
    STRAY = "stray"
    THOUGHT_END = "thought-end"
    UNDECIDED = "undecided"


class Opening(msgspec.Struct, frozen=True):
    """Markup that begins in a text: its form, where its first tag ends, and what closes it."""

    form: Form
    end: int = 0
    closer: re.Pattern[str] | None = None


_UNDECIDED = Opening(Form.UNDECIDED)


def find_opening(text: str, at: int) -> Opening | None:
    """What opens in `text` at `at`, where a `<` or a `[` stands; None for words like any other."""
    head = text[at : at + _HEAD_SIZE]
    if head[0] == "[":
        return _bracket(text, at, head)
    plain = head.translate(_PLAIN).replace("||", "|").lower()
    if plain.startswith(_DSML_HEADS):
        return _dsml(text, at)
    if plain.startswith(_SECTION_HEAD):
        return _section(text, at)
    if plain.startswith("<invoke "):
        return _bare_invoke(text, at)
    if plain.startswith(_WRAPPER_HEADS):
        return _wrapper(text, at)
    if plain.startswith("</think>"):
        return Opening(Form.THOUGHT_END, at + len("</think>"))
    is_all = at + len(head) == len(text)
    return _UNDECIDED if is_all and any(whole.startswith(plain) for whole in _HEADS) else None


def is_own_format(text: str) -> bool:
    """Whether `text` begins with a mark that stands in no text but the markup of a model."""
    plain = text[:_HEAD_SIZE].translate(_PLAIN).replace("||", "|").lower()
    return plain.startswith((*_DSML_HEADS, _SECTION_HEAD))


def _unless_cut(text: str, at: int, size: int = _TAG_SIZE) -> Opening | None:
    """For a tag that is not complete: more has to come, unless it is too long for one, or closed and no tag."""
    is_open = len(text) - at < size and text.find(">", at) < 0
    return _UNDECIDED if is_open else None


def _dsml(text: str, at: int) -> Opening | None:
    tag = _DSML_TAG.match(text, at)
    if tag is None:
        return _unless_cut(text, at)
    slash, word, _ = tag.groups()
    if slash or word.lower() == "parameter":
        return Opening(Form.STRAY, tag.end())
    closer = re.compile(rf"</{_DSML}{_alike(word)}\s*>", re.IGNORECASE)
    if word.lower() == "invoke":
        return Opening(Form.TAGS, tag.end(), closer)
    return _with_inside(text, tag.end(), closer) or Opening(Form.STRAY, tag.end())


def _section(text: str, at: int) -> Opening | None:
    tag = _SECTION_TAG.match(text, at)
    if tag is None:
        return _unless_cut(text, at)
    name = tag[1].translate(_PLAIN).lower()
    if not name.endswith("_begin"):
        return Opening(Form.STRAY, tag.end())
    end = "call" if name == "call_begin" else r"calls(?:[_\u2581]section)?"
    closer = re.compile(rf"<[{BARS}]{{1,2}}tool[_\u2581]{end}[_\u2581]end[{BARS}]{{1,2}}>", re.IGNORECASE)
    return Opening(Form.SECTION, tag.end(), closer)


def _bare_invoke(text: str, at: int) -> Opening | None:
    tag = _BARE_INVOKE.match(text, at)
    if tag is None:
        return _unless_cut(text, at)
    inside = text[tag.end() : tag.end() + _TAG_SIZE].lstrip().lower()
    if inside.startswith(_INSIDE_INVOKE):
        return Opening(Form.TAGS, tag.end(), re.compile(r"</invoke\s*>", re.IGNORECASE))
    return _undecided(text, tag.end(), inside, _INSIDE_INVOKE)


def _wrapper(text: str, at: int) -> Opening | None:
    tag = _WRAPPER.match(text, at)
    if tag is None:
        return None
    return _with_inside(text, tag.end(), re.compile(rf"</{_alike(tag[1])}\s*>", re.IGNORECASE))


def _with_inside(text: str, end: int, closer: re.Pattern[str]) -> Opening | None:
    """The opening of a wrapper by what stands inside; None where that is neither calls nor JSON."""
    inside = text[end : end + _TAG_SIZE].lstrip()
    plain = inside[:_HEAD_SIZE].translate(_PLAIN).replace("||", "|").lower()
    if plain.startswith(("<invoke ", "<|dsml|")):
        return Opening(Form.TAGS, end, closer)
    if plain.startswith(("{", "[{", "<tool_call>")):
        return Opening(Form.JSON, end, closer)
    return _undecided(text, end, plain, ("<invoke ", "<|dsml|", "[{", "<tool_call>"))


def _bracket(text: str, at: int, head: str) -> Opening | None:
    tag = _BRACKET_TAG.match(text, at)
    if tag is None:
        is_all = at + len(head) == len(text)
        return _UNDECIDED if is_all and (_BRACKET + "S]").startswith(head) else None
    inside = text[tag.end() : tag.end() + _TAG_SIZE].lstrip()
    if inside.startswith(("{", "[")):
        return Opening(Form.JSON, tag.end(), re.compile(r"\[/TOOL_CALLS?\]"))
    return _undecided(text, tag.end(), inside, ("{",))


def _undecided(text: str, end: int, inside: str, wanted: tuple[str, ...]) -> Opening | None:
    """Undecided while all that follows `end` may still become one of `wanted`."""
    is_all = len(text) - end < _TAG_SIZE
    return _UNDECIDED if is_all and any(word.startswith(inside) for word in wanted) else None


def _alike(word: str) -> str:
    """A pattern for `word` in any of its spellings."""
    return re.sub(r"[_-]", "[_-]?", word)
