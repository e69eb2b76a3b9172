"""The words about what stands for earlier messages in requests; everything stays on the screen."""

from __future__ import annotations

from dsterm.core.context_events import Compacted, ResultsPruned
from dsterm.render.blocks import Note
from dsterm.render.wording import format_count, format_money, format_tokens

_MARK = "⇊"
_WAY_BACK = "/compact undo brings the originals back"


def compaction_note(event: Compacted | ResultsPruned) -> Note:
    """What was replaced, what that came to, and the way back."""
    match event:
        case Compacted():
            sizes = f"{format_tokens(event.tokens_before)} → {format_tokens(event.tokens_after)} tokens"
            money = format_money(event.dollars, is_estimate=event.is_estimate, is_fine=True)
            cost = "cost unknown" if event.dollars is None else money
            return Note(f"compacted {sizes} · {cost} · {_WAY_BACK}", _MARK)
        case ResultsPruned():
            results = format_count(len(event.call_ids), "tool result")
            why = "the window is full: " if event.is_automatic else ""
            return Note(f"{why}took out {results} · {format_tokens(event.tokens)} tokens less · {_WAY_BACK}", _MARK)
