"""What a source itself asks to leave out: its `.dstermignore`, `.ignore`, `.gitattributes` and, without git, `.gitignore`.

The rules are anybody's text, so those that would take long to match are passed over, and where all of them together do, they are
refused.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from dsterm.core.errors import UsageError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

ATTRIBUTES = ".gitattributes"
GIT_IGNORE = ".gitignore"
IGNORE_FILES = (".ignore", ".dstermignore")
"""By rising weight."""
RULE_FILES = (*IGNORE_FILES, ATTRIBUTES)
LARGEST = 200_000
"""Bytes of a file of rules; what comes after is not read."""
_MOST_RULES = 5_000
_MOST_RULES_IN_ALL = 20_000
_LONGEST = 1_000
_MOST_STARS = 3
_MOST_DEEP_STARS = 2
"""Stars within a name, and `**` that stand for folders: each more multiplies the time by the length of a name or a path."""
_MOST_SECONDS = 20.0
"""Of processor time for all paths of a source."""
_LONE_BRACKET = re.compile(r"(?<![\[\\])\[\[\]")
_UNKNOWN_SET = re.compile(r"(?<!\\)\[(?:\[|[!^]?\]?[^\]]*?(?:--|&&|~~|\|\|))")
"""A set that git may take otherwise than Python, which warns of it: `[[:alpha:]]` for one."""


_WAY_ON = "Attach a folder further down, or a commit without these files (PATH@REV)."
_TOO_MANY = f"The files of ignore rules have more than {_MOST_RULES_IN_ALL:,} rules. {_WAY_ON}"
_TOO_SLOW = f"The ignore rules take more than {_MOST_SECONDS:.0f} s to go through. {_WAY_ON}"


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of one file, which hold for what is below `folder` (ending in `/`, or empty); `says` is what they mean."""

    folder: str
    says: str
    spec: GitIgnoreSpec


class RuleBook:
    """All rules of a source; of those that fit a path the last of the deepest folder counts."""

    def __init__(self) -> None:
        self._rules: dict[str, list[Rules]] = {}
        self._chains: dict[str, tuple[Rules, ...]] = {}
        self._count = 0
        self._seconds = 0.0

    def __bool__(self) -> bool:
        return bool(self._rules)

    def add(self, rules: Rules) -> None:
        """Take in one more, before any path below its folder was asked for; UsageError where there are too many."""
        self._count += len(rules.spec.patterns)
        if self._count > _MOST_RULES_IN_ALL:
            raise UsageError(_TOO_MANY)
        self._rules.setdefault(rules.folder, []).append(rules)

    def says(self, path: str) -> str | None:
        """What the rules call `path` (a folder ends in `/`): nothing where they take it back, None where none fits.

        UsageError where they take too long.
        """
        began = time.thread_time()
        try:
            return self._says(path)
        finally:
            self._seconds += time.thread_time() - began

    def _says(self, path: str) -> str | None:
        if self._seconds > _MOST_SECONDS:
            raise UsageError(_TOO_SLOW)
        for rules in self._chain(path.rstrip("/").rpartition("/")[0]):
            found = rules.spec.check_file(path[len(rules.folder) :]).include
            if found is not None:
                return rules.says if found else ""
        return None

    def _chain(self, folder: str) -> tuple[Rules, ...]:
        """The rules for what is in `folder`, the weightiest first."""
        if (known := self._chains.get(folder)) is not None:
            return known
        above = self._chain(folder.rpartition("/")[0]) if folder else ()
        own = reversed(self._rules.get(f"{folder}/" if folder else "", []))
        self._chains[folder] = (*own, *above)
        return self._chains[folder]


def ignore_rules(path: str, content: bytes) -> Rules:
    """The rules of the ignore file at `path`."""
    folder, slash, name = path.rpartition("/")
    return Rules(folder=folder + slash, says=f"ignored by {name}", spec=_spec(_lines(content)))


def attribute_rules(path: str, content: bytes, attribute: str, says: str) -> Rules | None:
    """What the attributes file at `path` says about `attribute`; None when it doesn't name it."""
    if attribute.encode() not in content:
        return None
    folder, slash, _ = path.rpartition("/")
    patterns = []
    for line in _lines(content):
        pattern, *words = line.split()[:20] or [""]
        for word in words:
            if word in {attribute, f"{attribute}=true", f"{attribute}=1"}:
                patterns.append(pattern)
            elif word in {f"-{attribute}", f"!{attribute}", f"{attribute}=false", f"{attribute}=0"}:
                patterns.append(f"!{pattern}")
    return Rules(folder=folder + slash, says=says, spec=_spec(patterns)) if patterns else None


def _lines(content: bytes) -> list[str]:
    return content[:LARGEST].decode("utf-8", "replace").removeprefix("\ufeff").splitlines()[:_MOST_RULES]


def _spec(lines: Sequence[str]) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec  # noqa: PLC0415  most sources have no such rules

    cheap = [line for line in map(_plain_set, lines) if _is_cheap(line) and not _UNKNOWN_SET.search(line)]
    try:
        return GitIgnoreSpec.from_lines(cheap)
    except (ValueError, re.error):
        # One that is no rule at all; git passes over it, too.
        return GitIgnoreSpec.from_lines([line for line in cheap if _is_rule(line)])


def _plain_set(line: str) -> str:
    """The usual way to write one bracket, as an escape."""
    return _LONE_BRACKET.sub(r"\\[", line)


def _is_cheap(line: str) -> bool:
    """Whether it can be matched in short time; each star in a row multiplies that by the length of a name."""
    if len(line) > _LONGEST:
        return False
    deep = line.rstrip().removeprefix("!").strip("/").split("/").count("**")
    return line.count("*") - 2 * deep <= _MOST_STARS and deep <= _MOST_DEEP_STARS


def _is_rule(line: str) -> bool:
    from pathspec import GitIgnoreSpec  # noqa: PLC0415

    try:
        GitIgnoreSpec.from_lines([line])
    except (ValueError, re.error):
        return False
    return True


def source_rules(contents: Mapping[str, bytes]) -> RuleBook:
    """The rules of the ignore files among `contents`, by path. UsageError where there are too many."""
    book = RuleBook()
    for path in [path for name in IGNORE_FILES for path in contents if path.rpartition("/")[2] == name]:
        book.add(ignore_rules(path, contents[path]))
    return book


def attribute_book(contents: Mapping[str, bytes], attribute: str, says: str) -> RuleBook:
    """What the attributes files among `contents` say about `attribute`. UsageError where that is too much."""
    book = RuleBook()
    for path in [path for path in contents if path.rpartition("/")[2] == ATTRIBUTES]:
        if (rules := attribute_rules(path, contents[path], attribute, says)) is not None:
            book.add(rules)
    return book
