"""Start-up without a screen: what `--version` and `--help` cost over the bare interpreter, and what gets imported."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.bench import Bench
from benchmarks.figures import Row, Sheet, bar
from benchmarks.measure import in_pairs

HEAVY = ("openai", "httpx2", "textual", "git", "pygments", "prompt_toolkit", "fastokens", "starlette", "markdown_it")
_LIST_MODULES = "import sys, {module}; print(*sys.modules)"


def measure_startup(bench: Bench) -> list[Row]:
    """Rows of `dsterm --version`, `dsterm --help` and of the modules that the front door and the engine load."""
    sheet = Sheet("start-up")
    bench.tell("dsterm --version and --help")
    version = _beside_bare(bench, "--version")
    sheet.add("--version over the bare interpreter", "CPU s", [own - bare for bare, own in version], bar(0.03))
    helped = _beside_bare(bench, "--help")
    sheet.add("--help over the bare interpreter", "CPU s", [own - bare for bare, own in helped])
    sheet.add("the bare interpreter itself", "CPU s", [bare for bare, _ in version + helped])
    for module in ("dsterm.cli", "dsterm.engine.engine", "dsterm.boot"):
        loaded = _loaded(bench, module)
        found = heavy_among(loaded)
        sheet.add(f"heavy packages loaded by import {module}", "", [len(found)], bar(0), " ".join(found))
        sheet.add(f"modules loaded by import {module}", "", [len(loaded)])
    return sheet.rows


def _beside_bare(bench: Bench, flag: str) -> list[tuple[float, float]]:
    """CPU seconds of the bare interpreter and of `dsterm` with `flag`, in turn; short ones are run twice as often."""
    return in_pairs(lambda: bench.run_python("pass").cpu, lambda: bench.run_dsterm((flag,)).cpu, 2 * bench.runs)


def _loaded(bench: Bench, module: str) -> list[str]:
    return bench.run_python(_LIST_MODULES.format(module=module)).output.decode().split()


def heavy_among(modules: Sequence[str]) -> list[str]:
    """The packages among `modules` that a start must not wait for."""
    return [name for name in HEAVY if name in modules]
