"""Counting what is to be attached: a repository never seen, one that is known, and one with an edited file, against what
can't be done without, run bare in the same order.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

from benchmarks.bench import Bench
from benchmarks.count_child import Counted
from benchmarks.count_ingredients import Steps
from benchmarks.figures import Row, Sheet, bar, stretch
from benchmarks.measure import run_child
from benchmarks.repository import add_history, make_repository

SIZES = (1_000, 5_000, 20_000)
_BYTES_EACH = 5_400
_COMMITS = 300
_MEGABYTE = 1_000_000
_EDITED = 1_767_500_000
"""When the edited file was, in seconds: later than all others, and not just now."""


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One fresh table of counts: the first count and the peak of its memory in MB, the same again, and after an edit."""

    cold: Counted
    peak: float
    warm: Counted
    edited: Counted
    bare_cold: Steps
    bare_peak: float
    bare_warm: Steps


def measure_counting(bench: Bench) -> list[Row]:
    """Rows of repositories of three sizes."""
    sheet = Sheet("count")
    for files in SIZES:
        bench.tell(f"making {files:,} files and {_COMMITS} commits")
        repository = bench.folder / f"counted-{files}"
        repository.mkdir()
        make_repository(repository, files, _BYTES_EACH)
        add_history(repository, _COMMITS)
        bench.tell(f"counting {files:,} files")
        names = [f"counts-{files}-{number}.db" for number in range(min(bench.runs, 3) + 1)]
        _add_rows(sheet, f"{files:,} files", [_round(bench, repository, bench.folder / name) for name in names][1:])
    return sheet.rows


def _round(bench: Bench, repository: Path, table: Path) -> Round:
    cold, peak = _count(bench, repository, table, "--ages")
    bare_cold, bare_peak = _bare(bench, str(repository))
    warm, _ = _count(bench, repository, table)
    bare_warm, _ = _bare(bench, str(repository), str(table))
    file = next(path for path in sorted(repository.rglob("*.py")))
    before, facts = file.read_bytes(), file.stat()
    file.write_bytes(before + b"edited = True\n")
    os.utime(file, (_EDITED, _EDITED))
    edited, _ = _count(bench, repository, table)
    file.write_bytes(before)
    os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    return Round(
        cold=cold,
        peak=peak,
        warm=warm,
        edited=edited,
        bare_cold=bare_cold,
        bare_peak=bare_peak,
        bare_warm=bare_warm,
    )


def _count(bench: Bench, repository: Path, table: Path, *words: str) -> tuple[Counted, float]:
    cost = run_child(
        (sys.executable, "-m", "benchmarks.count_child", str(repository), str(table), *words),
        environment=_environment(bench),
        folder=bench.folder,
    )
    return msgspec.json.decode(cost.output, type=Counted), cost.peak


def _bare(bench: Bench, *places: str) -> tuple[Steps, float]:
    cost = run_child(
        (sys.executable, "-m", "benchmarks.count_ingredients", *places),
        environment=_environment(bench),
        folder=bench.folder,
    )
    return msgspec.json.decode(cost.output, type=Steps), cost.peak


def _environment(bench: Bench) -> dict[str, str]:
    return {**bench.environment(), "PYTHONPATH": str(Path(__file__).parents[1])}


def _add_rows(sheet: Sheet, name: str, rounds: list[Round]) -> None:
    one = rounds[0].cold
    amount = f"{one.size / _MEGABYTE:.1f} MB, {one.tokens:,} tokens"
    cold = [each.cold.cpu / each.bare_cold.cpu for each in rounds]
    sheet.add(f"{name}, cold, ratio to the ingredients", "x", cold, bar(1.5), amount)
    warm = [each.warm.cpu / each.bare_warm.cpu for each in rounds]
    steps = rounds[0].bare_warm
    split = f"listing {steps.listing:.3f}, changed {steps.changed:.3f}, table {steps.table:.3f} CPU s"
    sheet.add(f"{name}, nothing changed, ratio to the ingredients", "x", warm, stretch(1.5), split)
    sheet.add(f"{name}, one edited, with the vocabulary", "CPU s", [each.edited.cpu for each in rounds])
    sheet.add(f"{name}, nothing changed", "CPU s", [each.warm.cpu for each in rounds])
    sheet.add(f"{name}, nothing changed", "files/CPU s", [each.warm.files / each.warm.cpu for each in rounds])
    parts = rounds[0].bare_cold
    split = f"load {parts.loading:.2f}, count {parts.counting:.2f}, read {parts.reading:.2f} CPU s bare"
    sheet.add(f"{name}, cold", "CPU s", [each.cold.cpu for each in rounds], detail=split)
    sheet.add(f"{name}, cold", "files/CPU s", [each.cold.files / each.cold.cpu for each in rounds])
    sheet.add(f"{name}, cold", "MB/CPU s", [each.cold.size / _MEGABYTE / each.cold.cpu for each in rounds])
    sheet.add(f"{name}, cold", "tokens/CPU s", [each.cold.tokens / each.cold.cpu for each in rounds])
    sheet.add(f"{name}, cold, peak memory", "MB", [each.peak for each in rounds])
    sheet.add(f"{name}, cold, peak memory of the ingredients", "MB", [each.bare_peak for each in rounds])
    pauses = [1000 * max(each.cold.pause, each.warm.pause) for each in rounds]
    sheet.add(f"{name}, longest pause of the event loop", "ms", pauses, stretch(100))
