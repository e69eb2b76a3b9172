"""What a session came to, in dollars: by request, then by model, mode and purpose. Demo requests are shown, never summed."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from dsterm.core.events import AsideEnded, Envelope, StepEnded, StepStarted
from dsterm.core.models import Usage


class CostRow(msgspec.Struct, frozen=True, kw_only=True):
    """One request: `dollars` None is unknown; `purpose` is what it was for beside the conversation, else empty."""

    number: int
    model: str
    mode: str
    usage: Usage
    dollars: Decimal | None
    is_demo: bool
    purpose: str = ""


def cost_rows(envelopes: Iterable[Envelope]) -> list[CostRow]:
    """The requests of a session, in order."""
    rows: list[CostRow] = []
    mode = ""
    for envelope in envelopes:
        match envelope.event:
            case StepStarted() as started:
                mode = started.mode.label
            case StepEnded(usage=Usage() as usage) as ended:
                rows.append(_row(len(rows) + 1, ended, usage, mode))
            case AsideEnded(ended=StepEnded(usage=Usage() as usage) as ended) as aside:
                row = _row(len(rows) + 1, ended, usage, aside.mode.label)
                rows.append(msgspec.structs.replace(row, purpose=aside.purpose))
            case _:
                pass
    return rows


def _row(number: int, ended: StepEnded, usage: Usage, mode: str) -> CostRow:
    return CostRow(
        number=number,
        model=ended.model,
        mode=mode,
        usage=usage,
        dollars=ended.cost.total if ended.cost else None,
        is_demo=ended.is_demo,
    )


def cost_report(envelopes: Iterable[Envelope]) -> str:
    """The table as text: tokens in, from the cache, out, and exact dollars, with `~` before estimates."""
    rows = cost_rows(envelopes)
    if not rows:
        return "Nothing was sent yet, so nothing was spent."
    width = max(len("model and mode"), *(len(_name(row)) for row in rows))
    lines = [f"{'#':>3}  {'model and mode':<{width}} {'in':>9} {'cached':>9} {'out':>8}  US dollars"]
    lines += [_line(f"{row.number:>3}", [row], width) for row in rows]
    groups: dict[tuple[str, str, str], list[CostRow]] = {}
    for row in rows:
        groups.setdefault((row.model, row.mode, row.purpose), []).append(row)
    if len(groups) > 1:
        lines += [_line(f"{len(group):>2}x", group, width) for group in groups.values()]
    lines.append(f"total {_dollars([row for row in rows if not row.is_demo])}")
    demo = [row for row in rows if row.is_demo]
    if demo:
        lines[-1] += f" · demo {_dollars(demo)}, owed to nobody and in no total"
    return "\n".join(lines)


def _name(row: CostRow) -> str:
    purpose = f" · {row.purpose}" if row.purpose else ""
    return f"{row.model.rpartition('/')[2].removeprefix('deepseek-')[:24]} · {row.mode}{purpose}"


def _line(label: str, rows: list[CostRow], width: int) -> str:
    first = rows[0]
    usage = sum((row.usage for row in rows), Usage())
    tokens = f"{usage.prompt_tokens:>9,} {usage.cached_tokens:>9,} {usage.completion_tokens:>8,}"
    return f"{label}  {_name(first):<{width}} {tokens}  {_dollars(rows)}{' demo' if first.is_demo else ''}"


def _dollars(rows: list[CostRow]) -> str:
    known = [row.dollars for row in rows if row.dollars is not None]
    total = f"${sum(known, Decimal(0)).normalize():f}"
    if len(known) < len(rows):
        return "unknown" if not known else f"{total} and an unknown price"
    return f"~{total}" if any(row.usage.is_estimate for row in rows) else total
