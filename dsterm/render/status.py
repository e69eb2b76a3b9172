"""The status line: what you control at the left, where you are in the middle, what it costs at the right."""

from __future__ import annotations

from dsterm.core.models import PermissionMode
from dsterm.core.status import Spend, Status
from dsterm.render.clean import clean_line
from dsterm.render.style import Line, Span, Style, clipped
from dsterm.render.width import cells, truncated
from dsterm.render.wording import format_count, format_money, format_tokens

_LONGEST_BRANCH = 24
_NEARLY_FULL = 0.8

Group = tuple[Span, ...]


def status_line(status: Status, width: int) -> Line:
    """One line of at most `width` cells. Where it is narrow, parts go one after the other; permission and total stay.

    First the hit share, then branch and turn, then whether the folder is trusted, jobs, and last what confines commands.
    """
    optional = ["hit", "branch", "turn", "trust", "jobs", "sandbox"]
    groups = _groups(status)
    while True:
        control = _joined([groups["control"], *(groups.get(name, ()) for name in ("sandbox", "trust", "jobs"))], "  ")
        left = _joined([control, groups.get("branch", ()), groups["window"], groups.get("hit", ())], "   ")
        right = _joined([groups.get("turn", ()), groups["total"]], "  ")
        room = width - 2 - _width(right) - _width(left)
        if room >= 3 or not optional:
            break
        groups.pop(optional.pop(0), None)
    if room < 3:
        left = clipped(left, max(width - 2 - _width(right) - 2, 0))
        room = max(width - 2 - _width(right) - _width(left), 0)
    return Line(clipped((Span(" "), *left, Span(" " * room), *right), width))


def switch_note(status: Status, width: int) -> Line | None:
    """What the change of model or mode that is not sent yet costs; None where nothing changed."""
    if not status.switch_note:
        return None
    return Line(clipped((Span(" "), Span(clean_line(status.switch_note), Style.WARNING)), width))


def _groups(status: Status) -> dict[str, Group]:
    control = [_text(status.model.short_title), _text(status.mode.label), _permission(status.permission_mode)]
    if not status.is_saved:
        control.append((Span("not saved", Style.WARNING),))
    groups = {
        "control": _joined(control, "  "),
        "window": _window(status),
        "turn": _spend("turn", status.turn),
        "total": _spend("total", status.session),
    }
    if status.sandbox is not None:
        groups["sandbox"] = (Span("sandbox", Style.DIM),) if status.sandbox else (Span("no sandbox", Style.WARNING),)
    if not status.is_trusted:
        groups["trust"] = (Span("untrusted", Style.DIM),)
    if status.running_jobs:
        groups["jobs"] = (Span(format_count(status.running_jobs, "job")),)
    if status.branch:
        branch = truncated(clean_line(status.branch), _LONGEST_BRANCH)
        groups["branch"] = (Span(f"{branch}±{status.dirty_files}" if status.dirty_files else branch, Style.DIM),)
    if status.hit_share is not None:
        groups["hit"] = (Span(f"hit {_percent(status.hit_share)}", Style.DIM),)
    return groups


def _text(text: str) -> Group:
    return (Span(clean_line(text)),)


def _permission(mode: PermissionMode) -> Group:
    is_loose = mode in {PermissionMode.AUTO, PermissionMode.YOLO}
    return (Span(mode.value, Style.WARNING if is_loose else Style.TEXT),)


def _window(status: Status) -> Group:
    limit = status.model.context_window
    share = status.context_tokens / limit if limit else 0.0
    mark = "~" if status.is_context_estimate else ""
    words = f"{mark}{format_tokens(status.context_tokens)}/{format_tokens(limit)} {_percent(share)}"
    return (Span(words, Style.WARNING if share >= _NEARLY_FULL else Style.DIM),)


def _spend(label: str, spend: Spend) -> Group:
    name = f"demo {label}" if spend.is_demo else label
    return (Span(f"{name} ", Style.DIM), Span(format_money(spend.dollars, is_estimate=spend.is_estimate)))


def _percent(share: float) -> str:
    """Whole percents, but never 100 before it is all, nor 0 once there is something."""
    if 0 < share < 0.005:
        return "<1%"
    return f"{min(round(share * 100), 99)}%" if share < 1 else f"{share:.0%}"


def _joined(groups: list[Group], gap: str) -> Group:
    spans: list[Span] = []
    for group in filter(None, groups):
        if spans:
            spans.append(Span(gap))
        spans.extend(group)
    return tuple(spans)


def _width(group: Group) -> int:
    return sum(cells(span.text) for span in group)
