"""What a source itself asks to leave out: its `.dstermignore`, `.ignore`, `.gitattributes` and, without git, `.gitignore`.

The rules are anybody's text, so those that would take long to match are passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

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
_LONGEST = 1_000
_MOST_STARS = 5


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of one file, which hold for what is below `folder` (ending in `/`, or empty); `says` is what they mean."""

    folder: str
    says: str
    spec: GitIgnoreSpec


class RuleBook:
    """All rules of a source; of those that fit a path the last of the deepest folder counts."""

    def __init__(self, rules: Iterable[Rules]) -> None:
        self._rules: dict[str, list[Rules]] = {}
        for one in rules:
            self._rules.setdefault(one.folder, []).append(one)
        self._chains: dict[str, tuple[Rules, ...]] = {}

    def __bool__(self) -> bool:
        return bool(self._rules)

    def add(self, rules: Rules) -> None:
        """Take in one more, before any path below its folder was asked for."""
        self._rules.setdefault(rules.folder, []).append(rules)

    def says(self, path: str) -> str | None:
        """What the rules call `path` (a folder ends in `/`): nothing where they take it back, None where none fits."""
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

    cheap = [line for line in lines if _is_cheap(line)]
    try:
        return GitIgnoreSpec.from_lines(cheap)
    except ValueError:
        # One that is no rule at all; git passes over it, too.
        return GitIgnoreSpec.from_lines([line for line in cheap if _is_rule(line)])


def _is_cheap(line: str) -> bool:
    """Whether it can be matched in short time; each star in a row multiplies that by the length of a name."""
    return (
        len(line) <= _LONGEST and line.replace("**", "").count("*") <= _MOST_STARS and line.count("**") <= _MOST_STARS
    )


def _is_rule(line: str) -> bool:
    from pathspec import GitIgnoreSpec  # noqa: PLC0415

    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True


def source_rules(contents: Mapping[str, bytes]) -> RuleBook:
    """The rules of the ignore files among `contents`, by path."""
    names = [path for name in IGNORE_FILES for path in contents if path.rpartition("/")[2] == name]
    return RuleBook(ignore_rules(path, contents[path]) for path in names)


def attribute_book(contents: Mapping[str, bytes], attribute: str, says: str) -> RuleBook:
    """What the attributes files among `contents` say about `attribute`."""
    names = [path for path in contents if path.rpartition("/")[2] == ATTRIBUTES]
    found = (attribute_rules(path, contents[path], attribute, says) for path in names)
    return RuleBook(one for one in found if one is not None)
