"""The prompt cache, kept honestly: a request hits what it has in common with an earlier request of the same model.

Texts are compared as UTF-8 bytes, block by block, so a prompt of a million tokens costs a few milliseconds.
"""

from __future__ import annotations

UNIT = 64
"""Tokens of the smallest piece that can be cached."""

_BLOCK = 65_536


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


class PromptCache:
    """What each model has read and written, newest last, within `capacity` bytes in all."""

    def __init__(self, capacity: int = 128 * 1024 * 1024) -> None:
        self._capacity = capacity
        self._texts: list[tuple[str, bytes]] = []

    def common_prefix(self, model: str, prompt: bytes) -> str:
        """The longest beginning of `prompt` that `model` has seen."""
        longest = max((common_length(text, prompt) for owner, text in self._texts if owner == model), default=0)
        return prompt[:longest].decode(errors="ignore")

    def remember(self, model: str, text: bytes) -> None:
        """Keep `text`, instead of the texts that it only continues."""
        kept = [(owner, old) for owner, old in self._texts if owner != model or not text.startswith(old)]
        kept.append((model, text))
        size = sum(len(old) for _, old in kept)
        while size > self._capacity and len(kept) > 1:
            size -= len(kept.pop(0)[1])
        self._texts = kept
