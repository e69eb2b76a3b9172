"""What can be attached to the conversation, looked at before it is: counts, outlines and prices for a screen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from dsterm.context.pack_quote import PackQuote
from dsterm.core.attachments import PackChoice, Survey, WorkState
from dsterm.engine.attaching.counting import count_source
from dsterm.engine.attaching.fitting import quotes
from dsterm.engine.attaching.outlining import count_outlines
from dsterm.engine.live import LiveSession


class Attachments:
    """Looks at sources for the session that `live` gives; nothing is attached by it. Raises DstermError; cancelling stops it."""

    def __init__(self, live: Callable[[], LiveSession]) -> None:
        self._live = live

    async def survey(self, source: str, choice: PackChoice, tell: Callable[[WorkState], None]) -> Survey:
        """The files of `source`, not counted."""
        return await self._live().parts.sources.survey(source, choice, tell)

    async def count(
        self,
        source: str,
        choice: PackChoice,
        tell: Callable[[WorkState], None],
        fill: Callable[[Survey], Awaitable[None]] | None = None,
    ) -> Survey:
        """The same with the tokens of every file, and what its content says against it; `fill` gets it half done, too."""
        return await count_source(self._live().parts, source, choice, tell, fill)

    async def outlined(self, survey: Survey, paths: Sequence[str]) -> Mapping[str, int]:
        """Tokens of the outlines of these files, by path; 0 for one that has none and would be listed by name."""
        return await count_outlines(self._live().parts, survey, paths)

    def quotes(self, tokens: int) -> Sequence[PackQuote]:
        """What so many tokens mean for the chosen model, first, and for Flash and Pro of the same provider."""
        return quotes(self._live(), tokens)
