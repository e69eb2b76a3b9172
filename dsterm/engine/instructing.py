"""Instructions from files: read before the first request, the same bytes for the whole session, later changes told once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from dsterm.context.instructions import changed_note, instructions_text
from dsterm.core.context_events import Compacted
from dsterm.core.events import Envelope, Event, NoticeLevel
from dsterm.core.instruction_events import InstructionFile, InstructionSource, InstructionsRead
from dsterm.core.undo_events import Rewound

if TYPE_CHECKING:
    from dsterm.engine.live import LiveSession


class Instructions:
    """What a session's events say of its instructions: `text` is in the system text, `known` is what the model was told last."""

    def __init__(self, envelopes: Iterable[Envelope] = ()) -> None:
        self.text = ""
        self.known = ""
        self.sources: tuple[InstructionSource, ...] = ()
        self.found = ""
        """What the files say now and no request has carried yet."""
        for envelope in envelopes:
            self.take(envelope.event)

    def take(self, event: Event) -> None:
        """Fold one event in."""
        if isinstance(event, InstructionsRead):
            self.known, self.sources = event.text, event.sources
            if not event.is_later:
                self.text = event.text
        elif isinstance(event, Rewound | Compacted):
            # The prompt that told of a change may have been rewound, or be summed up.
            self.known = self.text

    @property
    def is_of_others(self) -> bool:
        """Whether somebody else than the user may have written some of it."""
        return any(not source.is_of_user for source in self.sources)


async def find_instructions(live: LiveSession) -> tuple[InstructionFile, ...]:
    """The files as they stand, in a session whose first request has not been made part of what it will carry."""
    if not live.parts.config.instructions:
        return ()
    files = await asyncio.to_thread(live.parts.instructions)
    if live.parts.config.mask_secrets:
        files = tuple(replace(file, text=live.parts.redact(file.text)) for file in files)
    found = "" if live.session.sent is not None or live.instructions.text else instructions_text(files)
    if found != live.instructions.found:
        live.instructions.found = found
        live.forecasts.clear()
    return files


async def settle_instructions(live: LiveSession) -> str:
    """Before a turn: record the instructions, once; what to tell the model with this prompt where they have changed since."""
    files = await find_instructions(live)
    text = instructions_text(files)
    if text == live.instructions.known:
        return ""
    count = live.parts.counter.count
    sources = tuple(
        InstructionSource(place=file.place, tokens=count(file.text), is_cut=file.is_cut, is_of_user=file.is_of_user)
        for file in files
    )
    is_later = live.session.sent is not None
    live.emit(InstructionsRead(text=text, sources=sources, is_later=is_later))
    live.instructions.found = ""
    for source in sources:
        if source.is_cut:
            live.notice(f"{source.place} is long: only its first 32,000 bytes count.", NoticeLevel.WARNING)
    if not is_later:
        return ""
    live.notice(
        "The files of instructions have changed, and the model is told with this prompt. "
        "/new begins a session that has them from its start."
    )
    return changed_note(files)
