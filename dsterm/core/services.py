"""Small Protocols that one room needs of another; boot hands the real ones over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol


class TokenCounter(Protocol):
    """Counts tokens of the V4 vocabulary."""

    @property
    def is_exact(self) -> bool:
        """Whether `count` is the tokenizer's own figure, or an estimate until the vocabulary is loaded."""
        ...

    def count(self, text: str) -> int:
        """Tokens in `text`: exact once the vocabulary is loaded, else a calibrated estimate. Never blocks."""
        ...

    def count_exactly(self, texts: Sequence[str]) -> list[int]:
        """Tokens in each text by the vocabulary itself, loading it when needed: call it in a thread."""
        ...


class Clock(Protocol):
    """The time, so that tests can set it."""

    def now(self) -> datetime:
        """The current time, with its zone."""
        ...

    def monotonic(self) -> float:
        """Seconds for measuring durations."""
        ...
