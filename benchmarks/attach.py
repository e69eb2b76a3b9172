"""Attaching a git repository to a one-word prompt, as a ratio to what can't be done without, run bare."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from benchmarks.bench import Bench
from benchmarks.demo import demo_server
from benchmarks.figures import Row, Sheet, stretch
from benchmarks.ingredients import Ingredients
from benchmarks.measure import Cost, run_child
from benchmarks.one_shot import ECHO
from benchmarks.repository import make_repository

# Both have about 2.4 MB, so what differs is the number of files; more would not fit into the window of the model.
SIZES = ((1_000, 2_400), (5_000, 480))
_MANY, _FEW_BYTES = 20_000, 20
_MEGABYTE = 1_000_000


class Attached(msgspec.Struct, frozen=True, kw_only=True):
    """Wall seconds, the longest that the event loop stood still, and what was attached."""

    wall: float
    pause: float
    files: int
    tokens: int


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """In one fresh home: a one-shot, a first attach, the same attach again; and the ingredients, with their peak in MB."""

    shot: Cost
    cold: Cost
    warm: Cost
    bare: Ingredients
    bare_peak: float

    @property
    def cold_cpu(self) -> float:
        """CPU seconds of the first attach alone."""
        return self.cold.cpu - self.shot.cpu

    @property
    def warm_cpu(self) -> float:
        """CPU seconds of the second attach alone."""
        return self.warm.cpu - self.shot.cpu


def measure_attach(bench: Bench) -> list[Row]:
    """Rows of repositories of two sizes, attached in a fresh home and again in the same."""
    sheet = Sheet("attach")
    with demo_server(bench, ECHO) as url:
        for files, bytes_each in SIZES:
            bench.tell(f"making {files:,} files")
            repository = bench.folder / f"repository-{files}"
            repository.mkdir()
            make_repository(repository, files, bytes_each)
            bench.tell(f"attaching {files:,} files")
            names = [f"attach-{files}-{number}" for number in range(min(bench.runs, 3) + 1)]
            rounds = [_round(bench, url, repository, home) for home in names][1:]
            _add_rows(sheet, f"{files:,} files", rounds)
    _add_pauses(sheet, bench)
    return sheet.rows


def _add_pauses(sheet: Sheet, bench: Bench) -> None:
    """How long the screen would stand still: wall time, so on a busy machine the shortest run says most."""
    bench.tell(f"attaching {_MANY:,} files beside a ticking event loop")
    repository = bench.folder / "many"
    repository.mkdir()
    make_repository(repository, _MANY, _FEW_BYTES)
    name = f"{_MANY:,} files through the engine, longest pause of the event loop"
    runs = [_pause(bench, repository, f"pause-{number}") for number in range(min(bench.runs, 3))]
    sheet.add(f"{name}, cold", "ms", [1000 * cold.pause for cold, _ in runs], stretch(100))
    sheet.add(f"{name}, again", "ms", [1000 * warm.pause for _, warm in runs], stretch(100))


def _pause(bench: Bench, repository: Path, home: str) -> tuple[Attached, Attached]:
    environment = {**bench.environment(home), "PYTHONPATH": str(Path(__file__).parents[1])}
    command = (sys.executable, "-m", "benchmarks.attach_child", str(repository))
    cold, warm = (run_child(command, environment=environment, folder=bench.workspace).output for _ in range(2))
    return msgspec.json.decode(cold, type=Attached), msgspec.json.decode(warm, type=Attached)


def _round(bench: Bench, url: str, repository: Path, home: str) -> Round:
    hi = ("-p", "hi", "--base-url", url)
    shot = bench.run_dsterm(hi, home=home)
    cold = bench.run_dsterm((*hi, "--attach", str(repository)), home=home)
    warm = bench.run_dsterm((*hi, "--attach", str(repository)), home=home)
    command = (sys.executable, str(Path(__file__).with_name("ingredients.py")), str(repository))
    bare = run_child(command, environment=bench.environment(), folder=bench.folder)
    ingredients = msgspec.json.decode(bare.output, type=Ingredients)
    return Round(shot=shot, cold=cold, warm=warm, bare=ingredients, bare_peak=bare.peak)


def _add_rows(sheet: Sheet, name: str, rounds: list[Round]) -> None:
    bare = rounds[0].bare
    amount = f"{bare.size / _MEGABYTE:.1f} MB, {bare.tokens:,} tokens"
    ratios = [one.cold_cpu / one.bare.cpu for one in rounds]
    sheet.add(f"{name}, cold, ratio to the ingredients", "x", ratios, stretch(1.5), amount)
    sheet.add(f"{name}, again, ratio to the ingredients", "x", [one.warm_cpu / one.bare.cpu for one in rounds])
    sheet.add(f"{name}, cold, over one-shot", "CPU s", [one.cold_cpu for one in rounds])
    parts = f"list {bare.listing:.3f}, read {bare.reading:.3f}, load and count {bare.counting:.3f}"
    sheet.add(f"{name}, the ingredients", "CPU s", [one.bare.cpu for one in rounds], detail=parts)
    sheet.add(f"{name}, cold", "files/CPU s", [one.bare.files / one.cold_cpu for one in rounds])
    sheet.add(f"{name}, cold", "MB/CPU s", [one.bare.size / _MEGABYTE / one.cold_cpu for one in rounds])
    sheet.add(f"{name}, cold", "tokens/CPU s", [one.bare.tokens / one.cold_cpu for one in rounds])
    sheet.add(f"{name}, peak memory over one-shot", "MB", [one.cold.peak - one.shot.peak for one in rounds])
    sheet.add(f"{name}, peak memory of the ingredients", "MB", [one.bare_peak for one in rounds])
