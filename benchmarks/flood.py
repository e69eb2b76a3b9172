"""A long answer as fast as it can be read: without a screen, and painted in a terminal."""

from __future__ import annotations

import statistics

import msgspec

from benchmarks.bench import Bench
from benchmarks.demo import SCENARIOS, demo_server
from benchmarks.figures import Bar, Row, Sheet, stretch
from benchmarks.measure import in_pairs
from benchmarks.screen import open_screen, require_linux
from dsterm.demo.chunks import pieces
from dsterm.demo.scenario import load_scenario

FLOOD = SCENARIOS / "flood.toml"
END = "FINIS"
_SETTINGS = "max_output = 200_000\n"


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """How many tokens, and the bars of that size: CPU without a screen over one-shot, CPU on it, MB written, MB resident."""

    tokens: int
    headless: Bar
    screen: Bar
    written: Bar
    memory: Bar


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One answer on the screen, from Enter on: CPU seconds until settled, wall until the last word, MB."""

    cpu: float
    wall: float
    written: float
    memory: float


# Without a screen: four times a bare loop over the same events. With one: what the best peer takes, or a little less.
SIZES = (
    Size(tokens=20_000, headless=stretch(0.11), screen=stretch(0.75), written=stretch(0.15), memory=stretch(110)),
    Size(tokens=100_000, headless=stretch(0.56), screen=stretch(3.0), written=stretch(0.15), memory=stretch(110)),
)


def measure_flood(bench: Bench) -> list[Row]:
    """Rows of 20,000 tokens, and of 100,000 where they are wanted."""
    require_linux()
    sheet = Sheet("flood")
    for home in ("home", "flood-home"):
        settings = bench.folder / home / "config" / "config.toml"
        settings.parent.mkdir(parents=True)
        settings.write_text(_SETTINGS, encoding="utf-8")
    per_token = [_measure(bench, sheet, size) for size in (SIZES if bench.is_long else SIZES[:1])]
    if len(per_token) > 1:
        times = SIZES[1].tokens / SIZES[0].tokens
        sheet.add(
            "screen, CPU of 100,000 over that of 20,000", "x", [times * per_token[1] / per_token[0]], stretch(5.5)
        )
    return sheet.rows


def _measure(bench: Bench, sheet: Sheet, size: Size) -> float:
    """Add the rows of one size; the screen's CPU seconds a token."""
    scenario = bench.folder / f"flood-{size.tokens}.json"
    scenario.write_bytes(flood_scenario(size.tokens))
    name = f"{size.tokens:,} tokens"
    with demo_server(bench, scenario) as url:
        bench.tell(f"{name} without a screen")
        rounds = in_pairs(
            lambda: bench.run_dsterm(("-p", "hi", "--base-url", url)),
            lambda: bench.run_dsterm(("-p", "flood", "--base-url", url)),
            bench.runs,
        )
        bench.tell(f"{name} on the screen")
        shown = [_show_once(bench, url) for _ in range(bench.runs)]
    over = [flood.cpu - shot.cpu for shot, flood in rounds]
    sheet.add(f"{name} without a screen, over one-shot", "CPU s", over, size.headless)
    sheet.add(f"{name} on the screen", "CPU s", [run.cpu for run in shown], size.screen)
    sheet.add(f"{name} on the screen, Enter to last word", "wall s", [run.wall for run in shown])
    sheet.add(f"{name}, written to the terminal", "MB", [run.written for run in shown], size.written)
    sheet.add(f"{name}, memory afterwards", "MB", [run.memory for run in shown], size.memory)
    return statistics.median(run.cpu for run in shown) / size.tokens


def _show_once(bench: Bench, url: str) -> Shown:
    """Ask on a settled screen and watch the answer until nothing is done any more."""
    with open_screen(bench, url) as terminal:
        terminal.wait_for_paint(20)
        terminal.settle()
        terminal.type("flood")
        terminal.settle()
        cpu, wall, written = terminal.cpu, terminal.wall, terminal.bytes_written
        terminal.type("\r")
        terminal.wait_for(END, 120)
        shown_at = terminal.painted_at
        terminal.settle()
        return Shown(
            cpu=terminal.cpu - cpu,
            wall=shown_at - wall,
            written=(terminal.bytes_written - written) / 1_000_000,
            memory=terminal.memory(),
        )


def flood_scenario(tokens: int) -> bytes:
    """A scenario that answers `flood` with exactly `tokens` tokens, the last one END, and all else with a word."""
    one_round = load_scenario(FLOOD).replies[0].text + "\n"
    ending = "\n\n" + END
    rounds = one_round * (tokens // len(pieces(one_round)))
    filler = " so" * (tokens - len(pieces(rounds + ending)))
    replies = [
        {"times": 0, "match": "flood", "text": rounds + filler + ending},
        {"times": 0, "text": "Hello."},
    ]
    return msgspec.json.encode({"replies": replies})
