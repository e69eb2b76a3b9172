"""The text of a page without its markup, scripts and styles.

A page is anybody's, and two megabytes of marks that are never closed keep Python's own parser busy for hours; here every
character is looked at a few times at most.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

_UNSEEN = frozenset({"noscript", "template", "svg", "iframe", "object"})
_RAW = frozenset({"script", "style"})
"""What stands in them is no markup."""
_INLINE = frozenset(
    {"a", "abbr", "b", "code", "em", "i", "kbd", "mark", "s", "small", "span", "strong", "sub", "sup", "u", "var"}
)
_BLANKS = re.compile(r"[ \t\r\f\v\u00a0]++")
_LINES = re.compile(r" ?\n[ \n]*+")
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:-]{0,40})")
_TO_END = re.compile(r"""[^>"'=]*+(?:=\s*+(?:"[^"]*+"|'[^']*+'|(?=[^"']))|["'=]|[^>"'=]++)*+>""")
"""The rest of a tag; a quotation mark counts behind an equals sign only."""
_MOST_OPEN = 1_000


def text_of_html(html: str) -> str:
    """What a reader sees, a line for each block; the title first."""
    text = _BLANKS.sub(" ", "".join(_pieces(html)))
    return _LINES.sub(lambda found: "\n" if found[0].count("\n") == 1 else "\n\n", text).strip()


def _pieces(html: str) -> Iterator[str]:
    unseen: list[str] = []
    place = 0
    while place < len(html):
        start = html.find("<", place)
        start = len(html) if start < 0 else start
        if not unseen:
            yield unescape(html[place:start])
        tag = _TAG.match(html, start)
        if tag is None:
            place = _behind(html, start)
            if place == start + 1 <= len(html) and not unseen:
                yield "<"
            continue
        name = tag[2].casefold()
        end = _TO_END.match(html, tag.end())
        # A tag that is never closed has no text behind it.
        place = end.end() if end else len(html)
        if name in _RAW and not tag[1]:
            place = _behind_raw(html, place, name)
        elif name in _UNSEEN:
            _step(unseen, name, is_end=bool(tag[1]))
        elif name not in _INLINE and not unseen:
            yield "\n" if name == "br" else "\n\n"


def _behind(html: str, start: int) -> int:
    """Where it goes on behind a comment or a declaration at `start`; one further where that is but a character."""
    for mark, end in (("<!--", "-->"), ("<![CDATA[", "]]>"), ("<!", ">"), ("<?", ">"), ("</", ">")):
        if html.startswith(mark, start):
            # `<!-->` is a whole comment.
            found = html.find(end, start + (2 if mark == "<!--" else len(mark)))
            return len(html) if found < 0 else found + len(end)
    return start + 1


def _behind_raw(html: str, start: int, name: str) -> int:
    found = re.compile(rf"</{name}(?![A-Za-z0-9])[^>]*+>", re.IGNORECASE).search(html, start)
    return found.end() if found else len(html)


def _step(unseen: list[str], name: str, *, is_end: bool) -> None:
    """Into what is not shown, or out of it."""
    if not is_end:
        if len(unseen) < _MOST_OPEN:
            unseen.append(name)
    elif name in unseen:
        while unseen.pop() != name:
            pass
