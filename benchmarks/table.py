"""Rows as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from benchmarks.figures import Row, Weight
from benchmarks.machine import Machine

_HEADINGS = ("", "median", "min", "max", "unit", "at most", "holds")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A row as JSON has it. `holds` is null where there is no bar."""

    group: str
    name: str
    unit: str
    median: float
    min: float
    max: float
    runs: tuple[float, ...]
    at_most: float | None
    weight: Weight | None
    holds: bool | None
    detail: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run: `failures` names the groups that could not be measured, and why; `holds` is the verdict on all."""

    machine: Machine
    rows: tuple[Line, ...]
    failures: dict[str, str]
    holds: bool


def make_report(machine: Machine, rows: Sequence[Row], failures: dict[str, str]) -> Report:
    """The report of a run; it holds when everything could be measured and no bar is broken."""
    holds = not failures and not any(row.breaks_a_bar for row in rows)
    return Report(machine=machine, rows=tuple(_line(row) for row in rows), failures=failures, holds=holds)


def _line(row: Row) -> Line:
    return Line(
        group=row.group,
        name=row.name,
        unit=row.unit,
        median=round(row.median, 6),
        min=round(min(row.runs), 6),
        max=round(max(row.runs), 6),
        runs=tuple(round(run, 6) for run in row.runs),
        at_most=row.bar.at_most if row.bar else None,
        weight=row.bar.weight if row.bar else None,
        holds=row.holds,
        detail=row.detail,
    )


def format_report(report: Report) -> str:
    """The report as text: the machine, then a table with one heading a group."""
    machine = report.machine
    packages = ", ".join(f"{name} {number}" for name, number in machine.packages.items())
    lines = [
        f"{machine.at}  {machine.system}, {machine.cores} cores, {machine.processor}, load {machine.load:g}",
        f"{machine.python}, {packages}",
        "",
    ]
    lines += _table(report.rows)
    lines += [f"{group}: not measured. {why}" for group, why in report.failures.items()]
    broken = [f"{line.group}: {line.name}" for line in report.rows if line.weight is Weight.BAR and not line.holds]
    lines.append("")
    lines.append("Broken: " + "; ".join(broken) if broken else "Every bar holds." if report.holds else "Incomplete.")
    return "\n".join(lines)


def _table(rows: Sequence[Line]) -> Iterator[str]:
    cells = [_HEADINGS, *(_cells(line) for line in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(_HEADINGS))]
    group = ""
    yield _joined(_HEADINGS, widths)
    for line, row in zip(rows, cells[1:], strict=True):
        if line.group != group:
            group = line.group
            yield group
        text = _joined(row, widths)
        yield f"{text}  {line.detail}" if line.detail else text


def _cells(line: Line) -> tuple[str, ...]:
    at_most = "" if line.at_most is None else format_figure(line.at_most)
    verdict = {True: "yes", False: "NO" if line.weight is Weight.BAR else "not yet", None: ""}[line.holds]
    if line.weight is Weight.STRETCH:
        at_most += " (stretch)"
    figures = (line.median, line.min, line.max)
    return (f"  {line.name}", *(format_figure(figure) for figure in figures), line.unit, at_most, verdict)


def _joined(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.rjust(width) if 1 <= column <= 3 else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(padded).rstrip()


def format_figure(figure: float) -> str:
    """Three digits or so, whole numbers whole: 0.013, 1.42, 97.3, 12,345."""
    size = abs(figure)
    if size >= 1000 or figure == int(figure):
        return f"{figure:,.0f}"
    if size >= 10:
        return f"{figure:.1f}"
    return f"{figure:.2f}" if size >= 1 else f"{figure:.3f}"
