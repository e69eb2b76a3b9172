"""A command as the user decides about it and looks at it afterwards: the whole of it, where it runs, why it is asked about."""

from __future__ import annotations

from collections.abc import Sequence

from dsterm.core.command_plan import Confinement, PlannedCommand
from dsterm.render.clean import clean_code, clean_line
from dsterm.render.style import Line, Span, Style, indented
from dsterm.render.wrap import fold, wrap

_LABEL = 8
_PLACES = {
    Confinement.SANDBOX: ("in the sandbox, without network", Style.TEXT),
    Confinement.NETWORK: ("in the sandbox, with the network", Style.WARNING),
    Confinement.OPEN: ("without a sandbox, as you", Style.WARNING),
}


def command_lines(command: str, width: int) -> list[Line]:
    """All of `command`, line by line behind a bar, so that none of its lines looks like something said about it."""
    bar, more = (Span("   │ ", Style.ACCENT),), (Span("   ┆ ", Style.ACCENT),)
    lines: list[Line] = []
    for part in clean_code(command.replace("\r", "␍")).split("\n"):
        text = part.expandtabs(4)
        rows = fold((Span(text),) if text else (), max(width - 6, 8))
        lines.extend(indented(rows, bar, more))
    return lines


def place_lines(command: PlannedCommand, width: int) -> list[Line]:
    """Whether anything confines it, and the folder unless that is the workspace itself."""
    words, style = _PLACES[command.confinement]
    if command.is_background:
        words += ", in the background"
    folder = clean_code(clean_line(command.folder))
    place = _labelled("in", folder, Style.TEXT, width) if folder not in {"", "."} else []
    return [*place, *_labelled("runs", words, style, width)]


def description_lines(description: str, width: int) -> list[Line]:
    """What it is for, in the model's words."""
    words = clean_code(clean_line(description)).strip()
    return _labelled("says", f"“{words}”", Style.DIM, width) if words else []


def reason_lines(reasons: Sequence[str], width: int) -> list[Line]:
    """Why it is asked about, each reason on a line of its own."""
    lines: list[Line] = []
    for reason in dict.fromkeys(filter(None, (clean_code(clean_line(reason)) for reason in reasons))):
        lines += _labelled("" if lines else "why", reason, Style.TEXT, width)
    return lines


def _labelled(label: str, words: str, style: Style, width: int) -> list[Line]:
    first = (Span(f"   {label:<{_LABEL}}", Style.DIM),)
    return indented(wrap((Span(words, style),), max(width - _LABEL - 4, 8)), first, (Span(" " * (_LABEL + 3)),))
