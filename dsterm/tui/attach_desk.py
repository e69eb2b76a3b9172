"""What the attach screen needs of the engine, as Protocols."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from dsterm.core.attachments import PackChoice, Survey, WorkState


class Quote(Protocol):
    """What attaching so many tokens means for one model."""

    @property
    def title(self) -> str:
        """The model: `Flash`."""
        ...

    @property
    def tokens(self) -> int:
        """How many."""
        ...

    @property
    def share(self) -> float:
        """The share of its window that they take; 1 is all of it."""
        ...

    @property
    def miss_dollars(self) -> Decimal | None:
        """US dollars for the first send; None: the price is not known."""
        ...

    @property
    def hit_dollars(self) -> Decimal | None:
        """US dollars for each send that the provider's cache has them for."""
        ...

    @property
    def missing(self) -> int:
        """Tokens by which they don't fit beside what is in the window, with room for an answer; 0 where they do."""
        ...


class AttachDesk(Protocol):
    """Lists, counts and prices what can be attached. Raises DstermError, each with a way on; cancelling stops what runs."""

    async def survey(self, source: str, choice: PackChoice, tell: Callable[[WorkState], None]) -> Survey:
        """The files of `source`, not counted."""
        ...

    async def count(
        self,
        source: str,
        choice: PackChoice,
        tell: Callable[[WorkState], None],
        fill: Callable[[Survey], Awaitable[None]] | None = None,
    ) -> Survey:
        """The same with the tokens of every file, and what its content says against it.

        `fill` gets what is counted so far, first what was known before, then now and again.
        """
        ...

    async def outlined(self, survey: Survey, paths: Sequence[str]) -> Mapping[str, int]:
        """Tokens of the outlines of these files, by path."""
        ...

    def quotes(self, tokens: int) -> Sequence[Quote]:
        """What so many tokens mean for the chosen model, first, and for others that the user switches to."""
        ...
