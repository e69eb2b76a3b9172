"""Mentions while a draft is written; what reads them is loaded with the first one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dsterm.core.mentions import Mention, MentionPaths
from dsterm.engine.live import LiveSession

if TYPE_CHECKING:
    from dsterm.engine.mentioning.weighing import Weighing


class DraftMentions:
    """What can be mentioned in the session that `live` gives, and what it weighs."""

    def __init__(self, live: Callable[[], LiveSession]) -> None:
        self._live = live
        self._weighing: Weighing | None = None

    async def weigh(self, draft: str) -> tuple[Mention, ...]:
        """What `draft` mentions, with the tokens it will add; nothing is asked or sent."""
        if "@" not in draft:
            return ()
        if self._weighing is None:
            from dsterm.engine.mentioning.weighing import Weighing  # noqa: PLC0415  only where something may be mentioned

            self._weighing = Weighing(self._live().parts)
        return await self._weighing.weigh(draft)

    async def paths(self) -> MentionPaths:
        """The files that a prompt can mention, by name."""
        from dsterm.engine.mentioning.naming import mention_paths  # noqa: PLC0415  only where something may be mentioned

        return await mention_paths(self._live())
