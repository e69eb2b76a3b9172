"""The screen from its start until it is usable, settled and idle, in a real terminal. Linux only."""

from __future__ import annotations

import sys

import msgspec

from benchmarks.bench import Bench
from benchmarks.demo import demo_server
from benchmarks.figures import BenchmarkError, Row, Sheet, bar, stretch
from benchmarks.measure import in_pairs
from benchmarks.one_shot import ECHO
from benchmarks.terminal import Terminal

# Letters that stand nowhere on the first screen, so that painted they can only be typed ones: one is typed before the
# program is up, and where that is lost, another one after the first paint.
EARLY, LATE = "Z", "Q"
_PATIENCE = 0.2
_IDLE_SECONDS = 3.0
_IMPORT_TEXTUAL = "from textual.app import App"


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """One start: wall and CPU seconds at the first paint, at the painted letter, and settled; MB; and then idle.

    `is_kept` says that the letter typed at the start came through; the figures are of a second one when it did not.
    """

    is_kept: bool
    frame_wall: float
    frame_cpu: float
    letter_wall: float
    letter_cpu: float
    letter_memory: float
    settled_cpu: float
    settled_memory: float
    idle_cpu: float
    idle_bytes: int


def measure_screen(bench: Bench) -> list[Row]:
    """Rows of starting the screen; the key is typed before the program is up."""
    require_linux()
    sheet = Sheet("screen")
    with demo_server(bench, ECHO) as url:
        bench.tell("start, beside a bare import of Textual and of openai")
        rounds = in_pairs(
            lambda: _imports(bench),
            lambda: start_once(bench, url),
            bench.runs,
        )
    starts = [start for _, start in rounds]
    ratios = [start.frame_cpu / textual for (textual, _), start in rounds]
    sheet.add("first frame, ratio to a bare import of Textual's App", "x", ratios, bar(1.6))
    sheet.add("bare import of Textual's App", "CPU s", [textual for (textual, _), _ in rounds])
    sheet.add("until a letter typed at the start is painted", "CPU s", [s.letter_cpu for s in starts], bar(0.35))
    sheet.add("letters typed at the start and lost", "", [int(not start.is_kept) for start in starts], bar(0))
    sheet.add("first frame", "wall s", [start.frame_wall for start in starts])
    sheet.add("until that letter is painted", "wall s", [start.letter_wall for start in starts])
    without_sdk = [start.settled_cpu - (both - textual) for (textual, both), start in rounds]
    sheet.add("settled, less what import openai adds to Textual's", "CPU s", without_sdk, stretch(0.45))
    sheet.add("settled, the SDK loaded", "CPU s", [start.settled_cpu for start in starts])
    sheet.add("memory when usable", "MB", [start.letter_memory for start in starts], stretch(50))
    sheet.add("memory settled, the SDK loaded", "MB", [start.settled_memory for start in starts])
    sheet.add("idle", "% of a core", [100 * start.idle_cpu / _IDLE_SECONDS for start in starts], stretch(0.1))
    sheet.add("written while idle", "bytes", [start.idle_bytes for start in starts], stretch(0))
    return sheet.rows


def _imports(bench: Bench) -> tuple[float, float]:
    """CPU seconds of importing Textual's App, and of that and openai: they share a good deal."""
    both = bench.run_python(f"{_IMPORT_TEXTUAL}\nimport openai").cpu
    # Textual's last, right before the start that is set against it.
    return bench.run_python(_IMPORT_TEXTUAL).cpu, both


def require_linux() -> None:
    """BenchmarkError elsewhere: what a living process has used is read as Linux tells it."""
    if sys.platform != "linux":
        raise BenchmarkError("The screen can be timed on Linux only.")


def open_screen(bench: Bench, url: str) -> Terminal:
    """The screen in the small workspace, talking to `url`."""
    command = (*bench.dsterm, "--base-url", url)
    return Terminal(command, bench.environment(), bench.workspace)


def start_once(bench: Bench, url: str) -> Start:
    """Start, type, wait, look, leave."""
    with open_screen(bench, url) as terminal:
        terminal.type(EARLY)
        terminal.wait_for_paint(20)
        frame_wall, frame_cpu = terminal.painted_at, terminal.cpu
        if not terminal.sees(EARLY, seconds=_PATIENCE):
            terminal.type(LATE)
        if not terminal.sees(EARLY, LATE, seconds=20):
            raise BenchmarkError("The screen takes no keys.")
        is_kept = terminal.sees(EARLY, seconds=0)
        letter_wall, letter_cpu, letter_memory = terminal.painted_at, terminal.cpu, terminal.memory()
        terminal.settle()
        settled_cpu, written = terminal.cpu, terminal.bytes_written
        terminal.watch(_IDLE_SECONDS)
        return Start(
            is_kept=is_kept,
            frame_wall=frame_wall,
            frame_cpu=frame_cpu,
            letter_wall=letter_wall,
            letter_cpu=letter_cpu,
            letter_memory=letter_memory,
            settled_cpu=settled_cpu,
            settled_memory=terminal.memory(),
            idle_cpu=terminal.cpu - settled_cpu,
            idle_bytes=terminal.bytes_written - written,
        )
