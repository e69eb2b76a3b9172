"""`dsterm -p hi`: CPU, wall over a bare request, memory, and the size of what is sent."""

from __future__ import annotations

import msgspec

from benchmarks.bench import Bench
from benchmarks.demo import SCENARIOS, demo_server, raw_request
from benchmarks.figures import BenchmarkError, Row, Sheet, bar
from benchmarks.measure import in_pairs

ECHO = SCENARIOS / "echo.toml"


class _Request(msgspec.Struct, frozen=True):
    tools: tuple[msgspec.Raw, ...] = ()


def measure_one_shot(bench: Bench) -> list[Row]:
    """Rows of a one-word prompt against a server that answers with one word."""
    sheet = Sheet("one-shot")
    with demo_server(bench, ECHO) as url:
        words = ("-p", "hi", "--base-url", url)
        bench.tell("first request")
        body = first_request(bench, url)
        bench.tell("dsterm -p hi, and import openai")
        rounds = in_pairs(lambda: bench.run_python("import openai"), lambda: bench.run_dsterm(words), bench.runs)
        bench.tell("a bare HTTP request")
        raw = [raw_request(url, body) for _ in range(bench.runs)]
    sheet.add("dsterm -p hi", "CPU s", [shot.cpu for _, shot in rounds], bar(0.75))
    sheet.add("ratio to a bare import openai", "x", [shot.cpu / bare.cpu for bare, shot in rounds], bar(1.42))
    sheet.add("bare import openai", "CPU s", [bare.cpu for bare, _ in rounds])
    over = [shot.wall - wire for (_, shot), wire in zip(rounds, raw, strict=True)]
    sheet.add("wall over a bare HTTP request", "s", over)
    sheet.add("peak memory", "MB", [shot.peak for _, shot in rounds])
    sheet.add("first request", "bytes", [len(body)], bar(10_240))
    sheet.add("tools in it", "", [len(msgspec.json.decode(body, type=_Request).tools)], bar(10))
    return sheet.rows


def first_request(bench: Bench, url: str) -> bytes:
    """The body of a one-word prompt's request as `--debug` logs it."""
    bench.run_dsterm(("-p", "hi", "--base-url", url, "--debug"), home="debug-home")
    for log in (bench.folder / "debug-home").rglob("requests.log"):
        lines = log.read_bytes().split(b"\n")
        for number, line in enumerate(lines):
            if line.startswith(b"--- ") and line.endswith(b" request"):
                return lines[number + 1]
    raise BenchmarkError("`dsterm -p hi --debug` logged no request.")
