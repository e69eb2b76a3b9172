"""The values of the benchmark: a row with its runs, its bar, and whether it holds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from enum import StrEnum

import msgspec


class BenchmarkError(Exception):
    """A row could not be measured; the message is one sentence."""


class Weight(StrEnum):
    """What a bar is for: a broken `bar` fails the run, a missed `stretch` is only shown."""

    BAR = "bar"
    STRETCH = "stretch"


class Bar(msgspec.Struct, frozen=True):
    """The largest median a row may have."""

    at_most: float
    weight: Weight = Weight.BAR


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One thing measured `runs` times, in `unit`; `detail` says what else was seen."""

    group: str
    name: str
    unit: str
    runs: tuple[float, ...]
    bar: Bar | None = None
    detail: str = ""

    @property
    def median(self) -> float:
        """The figure that is judged."""
        return statistics.median(self.runs)

    @property
    def holds(self) -> bool | None:
        """Whether the median stays within the bar; None without one."""
        return None if self.bar is None else self.median <= self.bar.at_most

    @property
    def breaks_a_bar(self) -> bool:
        """Whether this row fails the whole run."""
        return self.bar is not None and self.bar.weight is Weight.BAR and not self.holds


class Sheet:
    """Collects the rows of one group."""

    def __init__(self, group: str) -> None:
        self.group = group
        self.rows: list[Row] = []

    def add(self, name: str, unit: str, runs: Sequence[float], bar: Bar | None = None, detail: str = "") -> None:
        """One more row; it needs at least one run."""
        self.rows.append(Row(group=self.group, name=name, unit=unit, runs=tuple(runs), bar=bar, detail=detail))


def bar(at_most: float) -> Bar:
    """A bar that fails the run when it is broken."""
    return Bar(at_most)


def stretch(at_most: float) -> Bar:
    """A bar of a later day: shown, but not a failure yet."""
    return Bar(at_most, Weight.STRETCH)
