"""What stands where the conversation will be: who is there, the four keys worth knowing, what the demo understands."""

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


_DEMO = ("what is in this repo", "summarise README.md", "rename OLD to NEW", "fix the failing test")


def greeting_lines(status: Status, width: int) -> list[Line]:
    """The lines for an empty session."""
    where = f" · {clean_line(status.model.title)} at {clean_line(status.provider_title)}"
    lines = [EMPTY, Line((Span(" dsterm", Style.ACCENT, bold=True), Span(where, Style.DIM))), EMPTY]
    for main, twin, words in _KEYS:
        lines.append(Line((Span(f"   {main:<10}"), Span(f"{twin:<7}", Style.DIM), Span(words, Style.DIM))))
    if status.turn.is_demo:
        lines += [EMPTY, Line((Span("   The demo is no model: it follows rules. It understands", Style.DIM),))]
        lines += [Line((Span(f"     {words}"),)) for words in _DEMO]
    return [Line(clipped(line.spans, width)) for line in lines]
