"""Finds what a prompt names with `@`: pure, without a look at the disk, so what names nothing there is sorted out elsewhere.

An `@` counts at the beginning of a word, not behind a backslash or inside an address of a person. A path with blanks stands in
quotation marks: `@"my file.py":10-40`.
"""

from __future__ import annotations

import re
from itertools import islice

import msgspec

from dsterm.core.mentions import Mention, MentionKind

_BEFORE = r"(?<![\w.+%\-@\\/`$])"
"""What may not stand before an `@` of ours: the name in front of a mail address, a backslash, code in backticks."""

_WIDE = "\u3000-\u303f\uff00-\uff0f\uff1a-\uff20\uff3b-\uff3d\uff5b-\uff65"
"""Punctuation of Chinese and Japanese, which stands without a blank behind a word."""

_MENTION = re.compile(
    _BEFORE.replace(r"\w", r"A-Za-z0-9_") + r'@(?:"(?P<quoted>[^"\n]+)"(?P<lines>:\d{1,9}(?:-\d{1,9})?)?'
    rf"|(?P<bare>[^\s\"'`<>|*{_WIDE}@][^\s\"'`<>|*{_WIDE}]*))"
)
_LINES = re.compile(r":(\d{1,9})(?:-(\d{1,9}))?\Z")
_TRAILING = ".,;:!?"
_BRACKETS = {")": "(", "]": "[", "}": "{"}
_SPECIAL = frozenset({"diff", "log"})
_LONGEST = 4_096
_MOST = 1_000
"""Characters of a word that can name something, and mentions that are found: a prompt may be a pasted log of megabytes."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A mention and where it stands in the prompt. `is_sure`: its form says that a file is meant, even where there is none."""

    mention: Mention
    start: int
    end: int
    is_sure: bool = False


def find_mentions(text: str) -> tuple[Found, ...]:
    """What `text` may name, the first thousand in order; files and folders, which only the disk tells apart, come as FILE."""
    all_found = (found for match in _MENTION.finditer(text) if (found := _found(match)) is not None)
    return tuple(islice(all_found, _MOST))


def write_mention(path: str, first: int = 0, last: int = 0) -> str:
    """How `path`, relative to the workspace, is written so that `find_mentions` finds exactly it; nothing where it can't be."""
    lines = "" if not first else f":{first}" if last in {0, first} else f":{first}-{last}"
    if "\n" in path or '"' in path or not path:
        return ""
    plain = f"@{path}{lines}"
    found = find_mentions(plain)
    if len(found) == 1 and found[0].mention == _of_path(plain, path, lines):
        return plain
    return f'@"{path}"{lines}'


def _found(match: re.Match[str]) -> Found | None:
    quoted = match["quoted"]
    if quoted is not None:
        mention = _of_path(match[0], quoted, match["lines"] or "")
        return Found(mention=mention, start=match.start(), end=match.end(), is_sure=True)
    bare = _trimmed(match["bare"]) if len(match["bare"]) <= _LONGEST else ""
    if not bare:
        return None
    written, end = f"@{bare}", match.start() + 1 + len(bare)
    if bare in _SPECIAL:
        mention = Mention(kind=MentionKind(bare), written=written)
    elif bare.startswith("diff:"):
        mention = Mention(kind=MentionKind.DIFF, written=written, target=bare.removeprefix("diff:"))
    elif bare.startswith(("https://", "http://")):
        mention = Mention(kind=MentionKind.URL, written=written, target=bare)
    else:
        lines = _LINES.search(bare)
        mention = _of_path(written, bare[: lines.start()] if lines else bare, lines[0] if lines else "")
    if mention.kind is MentionKind.FILE and not mention.target:
        return None
    return Found(mention=mention, start=match.start(), end=end, is_sure=bool(mention.first))


def _of_path(written: str, path: str, lines: str) -> Mention:
    numbers = _LINES.search(lines)
    first = int(numbers[1]) if numbers else 0
    last = int(numbers[2] or numbers[1]) if numbers else 0
    return Mention(kind=MentionKind.FILE, written=written, target=path, first=first, last=last)


def _trimmed(word: str) -> str:
    """`word` without the punctuation of the sentence around it: a bracket stays where its partner is in the word."""
    counts = {bracket: word.count(bracket) for bracket in "()[]{}"}
    end = len(word)
    while end:
        last = word[end - 1]
        opening = _BRACKETS.get(last)
        is_alone = opening is not None and counts[last] > counts[opening]
        if not (last in _TRAILING or is_alone or last in "([{"):
            break
        if last in counts:
            counts[last] -= 1
        end -= 1
    return word[:end]
