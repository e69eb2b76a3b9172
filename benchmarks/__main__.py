"""One command, one table: `python -m benchmarks`, and the same as JSON. Exit code 1 when a bar is broken."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

import msgspec

from benchmarks.attach import measure_attach
from benchmarks.bench import Bench
from benchmarks.counting import measure_counting
from benchmarks.edits import measure_edits
from benchmarks.figures import BenchmarkError, Row
from benchmarks.flood import measure_flood
from benchmarks.forecasting import measure_forecasting
from benchmarks.machine import this_machine
from benchmarks.mentions import measure_mentions
from benchmarks.one_shot import measure_one_shot
from benchmarks.screen import measure_screen
from benchmarks.startup import measure_startup
from benchmarks.stream import measure_stream
from benchmarks.table import Report, format_report, make_report

LATEST = Path(__file__).parent / "results" / "latest.json"
GROUPS: dict[str, tuple[str, Callable[[Bench], list[Row]]]] = {
    "start-up": ("--version, --help and imports over the bare interpreter", measure_startup),
    "screen": ("the screen in a terminal of 120x40 until it is usable, settled, idle", measure_screen),
    "one-shot": ("dsterm -p hi, and the size of its request", measure_one_shot),
    "flood": ("20,000 tokens at full speed, without and with the screen; 100,000 with --long", measure_flood),
    "stream": (
        "100,000 tokens from the socket to events, against a bare loop; and that time grows with the size only",
        measure_stream,
    ),
    "edits": ("edits and patches in a file of 10 MB and over 1,000 files, and what half of it takes", measure_edits),
    "mentions": ("the picker of @ over 200,000 paths: first results, all results", measure_mentions),
    "forecast": ("a key under a forecast after 10 and 1,000 messages, 700,000 tokens attached", measure_forecasting),
    "count": (
        "repositories of 1,000, 5,000 and 20,000 files counted cold, warm and edited, against their ingredients run bare",
        measure_counting,
    ),
    "attach": ("git repositories of 1,000 and 5,000 files, against their ingredients run bare", measure_attach),
}


def main(words: Sequence[str] | None = None) -> int:
    """Measure what is asked for, print the table, write the JSON; the exit code."""
    options = _parser().parse_args(words)
    if options.list:
        print("\n".join(f"{name:10}{about}" for name, (about, _) in GROUPS.items()))
        return 0
    report = _measure(options)
    for path in (LATEST, options.json):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    print(format_report(report))
    return 0 if report.holds or options.no_gate else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__, allow_abbrev=False)
    parser.add_argument("--only", action="append", choices=tuple(GROUPS), help="measure this group; may be repeated")
    parser.add_argument("--runs", type=_count, default=5, metavar="N", help="runs a row (default 5)")
    parser.add_argument("--long", action="store_true", help="the rows of 100,000 tokens too")
    parser.add_argument("--json", type=Path, metavar="PATH", help=f"write the JSON here too, not only to {LATEST.name}")
    parser.add_argument("--no-gate", action="store_true", help="exit with 0 whatever the figures are")
    parser.add_argument("--list", action="store_true", help="name the groups and exit")
    return parser


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("takes a whole number from 1")
    return int(text)


def _measure(options: argparse.Namespace) -> Report:
    machine = this_machine()
    rows: list[Row] = []
    failures: dict[str, str] = {}
    for name in options.only or GROUPS:
        with tempfile.TemporaryDirectory(prefix="dsterm-bench-", ignore_cleanup_errors=True) as folder:
            bench = Bench(runs=options.runs, is_long=options.long, folder=Path(folder).resolve(), tell=_teller(name))
            try:
                rows += GROUPS[name][1](bench)
            except BenchmarkError as error:
                failures[name] = str(error)
    return make_report(machine, rows, failures)


def _teller(group: str) -> Callable[[str], None]:
    def tell(text: str) -> None:
        print(f"{group}: {text} ...", file=sys.stderr, flush=True)

    return tell


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    # A polite kill ends children and temporary folders like Ctrl+C does.
    signal.signal(signal.SIGTERM, _leave)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("Stopped; nothing was written.", file=sys.stderr)
        sys.exit(130)
