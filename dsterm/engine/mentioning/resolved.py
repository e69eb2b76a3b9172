"""The mentions of a prompt with their text, and the way to them: what reads them is loaded with the first one."""

from __future__ import annotations

import msgspec

from dsterm.core.events import NoticeLevel
from dsterm.core.mentions import Mention
from dsterm.engine.live import LiveSession


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """The mentions of a prompt, what goes to the model with it, and sentences for the user about what does not."""

    mentions: tuple[Mention, ...] = ()
    note: str = ""
    told: tuple[str, ...] = ()

    def tell(self, live: LiveSession) -> None:
        """Say what is not sent."""
        for text in self.told:
            live.notice(text, NoticeLevel.WARNING)


async def resolve_mentions(live: LiveSession, prompt: str) -> Resolved:
    """What `prompt`, in the user's own words, mentions, read now; secrets and pages are asked about first."""
    if "@" not in prompt:
        return Resolved()
    from dsterm.engine.mentioning.resolving import resolve  # noqa: PLC0415  only where something may be mentioned

    return await resolve(live, prompt)
