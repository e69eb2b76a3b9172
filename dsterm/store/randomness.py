"""Whether a word was drawn by chance, as keys are, or written by a person: by how often its kinds of characters change."""

from __future__ import annotations

import re
from itertools import pairwise

_SHORTEST = 8
_LONGEST_JUDGED = 512
_WORD = re.compile(r"[A-Za-z]?[a-z]+(?:[-_./][a-z]+)*[.]?|[A-Z]+(?:[-_][A-Z]+)*")
_NUMBERED_SEGMENT = 8
_LONG = 20
_LONG_MIXED = 32


def is_word(value: str) -> bool:
    """Whether `value` is one word or several joined ones, without a digit."""
    return _WORD.fullmatch(value) is not None


def is_random(value: str) -> bool:
    """Whether `value` changes between digits, letters and signs, and to capitals, as often as chance does.

    Words, names in camel or snake case, paths, versions and dates change less. A password of plain words passes for words.
    """
    value = value[:_LONGEST_JUDGED]
    if len(value) < _SHORTEST or is_word(value):
        return False
    kinds = "".join(_kind(character) for character in value)
    changes = sum(
        1
        for before, after in pairwise(kinds)
        if before != after and "-" not in (before, after) and before + after != "Aa"
    )
    is_long = len(value) >= _LONG and "0" in kinds
    return changes >= 3 and changes >= (0.12 if is_long else 0.21) * (len(value) - 1)


def is_keylike(value: str) -> bool:
    """Whether what stands behind the mark of a key (`sk-`) can be one: a long run of characters, or one with digits in it.

    Names of CSS classes and packages, as `sk-folding-cube`, are neither.
    """
    segments = re.split(r"[-_.]", value)
    is_mixed = len(value) >= _LONG_MIXED and value.lower() != value != value.upper()
    return (
        is_mixed
        or is_random(value)
        or any(
            len(segment) >= _LONG
            or (len(segment) >= _NUMBERED_SEGMENT and sum(character.isdigit() for character in segment) >= 2)
            for segment in segments
        )
    )


def _kind(character: str) -> str:
    if character.isdigit():
        return "0"
    if character.isalpha():
        return "A" if character.isupper() else "a"
    return "-" if character in "-_./+=:, " else "!"
