"""What standard error says about the way to the model, in the words of the screen."""

from __future__ import annotations

from dsterm.core import wire_events
from dsterm.core.events import Event, StepRetried
from dsterm.render.wire_notes import fell_back_words
from dsterm.render.wording import format_seconds


def wire_line(event: Event) -> str:
    """One line about `event`; empty where it is not about that, or nothing is to be said."""
    match event:
        case StepRetried(attempt=attempt, wait=wait, cause=cause, limit=limit):
            count = f"{attempt} of {limit}" if limit >= attempt else f"{attempt}"
            return f"retry {count} in {wait:.1f} s: {cause}"
        case wire_events.StepStalled(seconds=seconds) if seconds > 0:
            return f"nothing from the server for {format_seconds(seconds, is_whole=True)}"
        case wire_events.Intervened(text=text):
            return text
        case wire_events.FellBack():
            return fell_back_words(event)
        case _:
            return ""
