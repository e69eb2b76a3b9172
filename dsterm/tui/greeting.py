"""What stands where the conversation will be: who is there, and the four keys worth knowing."""

from __future__ import annotations

from dsterm.core.status import Status
from dsterm.render.clean import clean_line
from dsterm.render.style import EMPTY, Line, Span, Style, clipped

_KEYS = (
    ("Alt+P", "F2", "Pro or Flash"),
    ("Ctrl+T", "F3", "how much it thinks"),
    ("Shift+Tab", "Alt+M", "what it may do without asking"),
    ("Ctrl+K", "F1", "everything else"),
)


def greeting_lines(status: Status, width: int) -> list[Line]:
    """The lines for an empty session."""
    where = f" · {clean_line(status.model.title)} at {clean_line(status.provider_title)}"
    lines = [EMPTY, Line((Span(" dsterm", Style.ACCENT, bold=True), Span(where, Style.DIM))), EMPTY]
    for main, twin, words in _KEYS:
        lines.append(Line((Span(f"   {main:<10}"), Span(f"{twin:<7}", Style.DIM), Span(words, Style.DIM))))
    return [Line(clipped(line.spans, width)) for line in lines]
