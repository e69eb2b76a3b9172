"""The line between composer and status: what runs or is waited for, what `!` means, what a send costs, what is new below."""

from __future__ import annotations

import msgspec

from dsterm.core.events import NoticeLevel
from dsterm.core.forecasts import SendForecast
from dsterm.render.clean import clean_line
from dsterm.render.style import Line, Span, Style, spread
from dsterm.render.width import cells, truncated
from dsterm.render.wording import format_count, format_seconds
from dsterm.tui.shell_line import Shell
from dsterm.tui.waiting import Wait

_WHEEL = "◐◓◑◒"
_OUTPUT = {
    Shell.SHARED: " · output goes into the context · !! keeps it out",
    Shell.KEPT_OUT: " · output is kept out of the context",
}
_LEVELS = {NoticeLevel.INFO: Style.TEXT, NoticeLevel.WARNING: Style.WARNING, NoticeLevel.ERROR: Style.ERROR}


class Hints(msgspec.Struct, frozen=True, kw_only=True):
    """What the line may say.

    `seconds` is how long the turn runs already, None while none runs; `wait` is what its request waits for; `tick` turns the
    wheel; `goes_back`: Esc leads back to the keys of the question; `can_refuse`: else it refuses, where it does not stop the
    turn; `has_offer`: the empty composer offers something; `next_send` is what the draft would cost.
    """

    said: str = ""
    level: NoticeLevel = NoticeLevel.INFO
    seconds: float | None = None
    wait: Wait | None = None
    tick: int = 0
    is_asking: bool = False
    can_refuse: bool = True
    goes_back: bool = False
    has_offer: bool = False
    shell: Shell = Shell.NONE
    switch_note: str = ""
    next_send: SendForecast | None = None
    queued: int = 0
    is_held: bool = False
    lines_below: int = 0
    is_following: bool = True


def hint_line(hints: Hints, width: int) -> Line:
    """The line: the most pressing words at the left, where you are at the right."""
    right = " · ".join(part for part in (_queue(hints), _below(hints)) if part)
    room = width - (cells(right) + 3 if right else 0) - 1
    return spread((Span(" "), *_left(hints, room)), (Span(f"{right} ", Style.ACCENT),) if right else (), width)


def _left(hints: Hints, room: int) -> tuple[Span, ...]:
    if hints.said:
        return (Span(clean_line(hints.said), _LEVELS[hints.level]),)
    if hints.wait is not None and not (hints.is_asking and hints.can_refuse):
        return _waiting(hints.wait, hints.tick, room)
    if hints.is_asking and hints.can_refuse:
        escape = " · Esc goes back" if hints.goes_back else " · Esc refuses"
        return (Span("waits for your answer", Style.ACCENT), Span(escape, Style.DIM))
    if hints.shell is not Shell.NONE:
        return (Span("as you, outside the sandbox", Style.WARNING), Span(_OUTPUT[hints.shell], Style.DIM))
    if hints.seconds is not None:
        wheel = _WHEEL[hints.tick % len(_WHEEL)]
        note = f" · {clean_line(hints.switch_note)}" if hints.switch_note else ""
        seconds = format_seconds(hints.seconds, is_whole=True)
        return (Span(wheel, Style.ACCENT), Span(f" working · {seconds} · Esc stops{note}", Style.DIM))
    if hints.has_offer:
        return (Span("write to say something else · Esc lets it go", Style.DIM),)
    if hints.next_send is not None:
        from dsterm.render.forecast_chip import forecast_chip  # noqa: PLC0415  after the first frame

        return forecast_chip(hints.next_send, room)
    return (Span(clean_line(hints.switch_note), Style.WARNING),) if hints.switch_note else ()


def _waiting(wait: Wait, tick: int, room: int) -> tuple[Span, ...]:
    """How long it still waits and why, the cause cut where it must be, and the way out, which never is."""
    lead, escape = f" {clean_line(wait.lead)}", " · Esc stops"
    space = room - 1 - cells(lead) - cells(escape) - 2
    cause = f": {truncated(clean_line(wait.cause), space)}" if wait.cause and space > 0 else ""
    return (
        Span(_WHEEL[tick % len(_WHEEL)], Style.ACCENT),
        Span(lead, Style.WARNING),
        Span(f"{cause}{escape}", Style.DIM),
    )


def _queue(hints: Hints) -> str:
    if not hints.queued:
        return ""
    return f"{hints.queued} held · Enter sends, Ctrl+U drops" if hints.is_held else f"{hints.queued} queued"


def _below(hints: Hints) -> str:
    if hints.is_following:
        return ""
    return f"{format_count(hints.lines_below, 'new line')} · Ctrl+End" if hints.lines_below else "Ctrl+End to the end"
