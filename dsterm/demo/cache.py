"""The prompt cache, kept honestly: a request hits what it has in common with an earlier request of the same model.

Texts are compared as UTF-8 bytes, block by block, so a prompt of a million tokens costs a few milliseconds.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

UNIT = 64
"""Tokens of the smallest piece that can be cached."""

_BLOCK = 65_536
_INTERVAL = 32_768
"""Bytes between the ends of units in long texts."""


def common_length(first: bytes, second: bytes) -> int:
    """How many bytes `first` and `second` begin with alike."""
    end = min(len(first), len(second))
    start = 0
    while start < end and first[start : start + _BLOCK] == second[start : start + _BLOCK]:
        start += _BLOCK
    start = min(start, end)
    stop = min(start + _BLOCK, end)
    while start < stop:
        middle = (start + stop + 1) // 2
        if first[start:middle] == second[start:middle]:
            start = middle
        else:
            stop = middle - 1
    return start


def whole_units(tokens: int) -> int:
    """`tokens` cut to what can be cached."""
    return tokens // UNIT * UNIT


class CacheRule(StrEnum):
    """What a request can hit: whatever it begins with like an earlier one, or only whole stored units of that.

    UNITS is how DeepSeek describes its own: a unit ends where a prompt ends, where an answer ends, at fixed intervals, and where
    two requests were seen to part, so that this pays from the third on.
    """

    PREFIX = "prefix"
    UNITS = "units"


class _Kept(NamedTuple):
    """A text that a model has read, and the places in it where units end."""

    model: str
    text: bytes
    ends: frozenset[int]


class PromptCache:
    """What each model has read and written, newest last, within `capacity` bytes in all."""

    def __init__(self, rule: CacheRule = CacheRule.PREFIX, *, capacity: int = 128 * 1024 * 1024) -> None:
        self._rule = rule
        self._capacity = capacity
        self._texts: list[_Kept] = []

    def common_prefix(self, model: str, prompt: bytes) -> str:
        """The longest beginning of `prompt` that `model` has seen, as far as the rule lets a request hit it."""
        longest = 0
        for place, kept in enumerate(self._texts):
            if kept.model == model:
                common = common_length(kept.text, prompt)
                longest = max(longest, self._hit(kept, common))
                self._texts[place] = kept._replace(ends=kept.ends | {common})
        return prompt[:longest].decode(errors="ignore")

    def remember(self, model: str, text: bytes) -> None:
        """Keep `text`, instead of the texts that it only continues."""
        is_continued = [kept.model == model and text.startswith(kept.text) for kept in self._texts]
        ends = {len(text)}
        for kept, is_gone in zip(self._texts, is_continued, strict=True):
            ends |= kept.ends if is_gone else set()
        texts = [kept for kept, is_gone in zip(self._texts, is_continued, strict=True) if not is_gone]
        texts.append(_Kept(model, text, frozenset(ends)))
        size = sum(len(kept.text) for kept in texts)
        while size > self._capacity and len(texts) > 1:
            size -= len(texts.pop(0).text)
        self._texts = texts

    def _hit(self, kept: _Kept, common: int) -> int:
        if self._rule is CacheRule.PREFIX:
            return common
        return max(common // _INTERVAL * _INTERVAL, *(end for end in kept.ends if end <= common), 0)
