"""What the mentions of a draft would add to the prompt, found out while it is written: nothing is asked or sent."""

from __future__ import annotations

import asyncio
from itertools import islice

from msgspec.structs import replace

from dsterm.context.mentions import Found, find_mentions
from dsterm.core.mentions import Mention, MentionKind
from dsterm.engine.mentioning.bringing import bring, marked
from dsterm.engine.mentioning.brought import Brought
from dsterm.engine.mentioning.files import place
from dsterm.engine.mentioning.resolving import MOST
from dsterm.engine.parts import EngineParts

_KEPT = 256
_STALE = 5.0
"""Weights that are remembered, and seconds for which one of git or of a folder is believed."""


class Weighing:
    """Weighs drafts; a file that stands as it did is read and counted once."""

    def __init__(self, parts: EngineParts) -> None:
        self._parts = parts
        self._known: dict[tuple[object, ...], Mention | None] = {}

    async def weigh(self, draft: str) -> tuple[Mention, ...]:
        """What `draft` mentions, each once and with its tokens; `problem` says of one that it won't be sent, or asks first."""
        found = {each.mention.written: each for each in find_mentions(draft)}
        # No more than are sent, or a pasted list would keep the disk busy at every letter.
        weighed = [await self._weighed(each) for each in islice(found.values(), MOST)]
        return tuple(mention for mention in weighed if mention is not None)

    async def _weighed(self, found: Found) -> Mention | None:
        key = await asyncio.to_thread(self._key, found)
        if key not in self._known:
            mention = await self._weigh(found)
            while len(self._known) >= _KEPT:
                del self._known[next(iter(self._known))]
            self._known[key] = mention
        return self._known[key]

    def _key(self, found: Found) -> tuple[object, ...]:
        """The same for what would weigh the same: the file as it stands, or a few seconds of anything else."""
        asked = (found.mention.written, self._parts.counter.is_exact)
        there = place(self._parts.workspace, found) if found.mention.kind is MentionKind.FILE else None
        if there is not None:
            path, facts = there
            return (*asked, path, facts.size, facts.modified)
        return (*asked, int(self._parts.clock.monotonic() / _STALE))

    async def _weigh(self, found: Found) -> Mention | None:
        brought = await bring(self._parts, found)
        if brought is None or brought.mention.problem:
            return brought.mention if brought else None
        if brought.secrets:
            return replace(brought.mention, problem=f"{'; '.join(brought.secrets)}; you are asked before it is sent.")
        return await asyncio.to_thread(self._counted, brought)

    def _counted(self, brought: Brought) -> Mention:
        return replace(brought.mention, tokens=self._parts.counter.count(marked(self._parts, brought)))
