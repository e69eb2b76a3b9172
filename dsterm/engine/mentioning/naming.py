"""What a prompt could mention: the files of the workspace by name, those that matter now first."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from dsterm.core.errors import DstermError
from dsterm.core.events import Envelope, Steered, TurnStarted
from dsterm.core.mentions import MentionKind, MentionPaths
from dsterm.engine.live import LiveSession
from dsterm.render.clean import clean_code

_PATIENCE = 2.0
"""Seconds that the list waits for git to say what has changed."""


async def mention_paths(live: LiveSession) -> MentionPaths:
    """The names of all files that can be written in a prompt; none where the folder can't be listed."""
    changed = asyncio.create_task(_changed(live))
    try:
        names = await live.parts.workspace.names()
    except DstermError:
        names = []
    paths = await asyncio.to_thread(_writable, names)
    used = _used(reversed(live.journal.envelopes))
    recent = tuple(dict.fromkeys((*used, *await changed)))
    return MentionPaths(paths=paths, recent=recent)


def _writable(names: list[str]) -> tuple[str, ...]:
    """Those that can be typed: without line breaks, quotation marks, and what a terminal would not show as it is."""
    if _is_plain("".join(names)):
        return tuple(sorted(names))
    return tuple(sorted(name for name in names if _is_plain(name)))


def _is_plain(name: str) -> bool:
    return "\n" not in name and "\t" not in name and '"' not in name and clean_code(name) == name


def _used(envelopes: Iterable[Envelope]) -> list[str]:
    return [
        mention.target
        for envelope in envelopes
        if isinstance(envelope.event, TurnStarted | Steered)
        for mention in envelope.event.mentions
        if mention.kind is MentionKind.FILE and not mention.problem
    ]


async def _changed(live: LiveSession) -> tuple[str, ...]:
    """What git says has changed, as far as it says so in time: it only moves names up."""
    try:
        async with asyncio.timeout(_PATIENCE):
            return await live.parts.git.changed_files()
    except (DstermError, TimeoutError):
        return ()
