"""What a streamed token costs: through client, scrubber and assembler, against a bare loop over the same bytes.

The server plays one recorded answer from memory in a process of its own; its time is not counted.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from benchmarks.bench import Bench
from benchmarks.demo import SCENARIOS
from benchmarks.figures import BenchmarkError, Row, Sheet, bar
from benchmarks.measure import kill_group
from dsterm.demo.chunks import pieces
from dsterm.demo.scenario import load_scenario

TOKENS = 100_000
_LINE = 1_000_000


class Loop(msgspec.Struct, frozen=True, kw_only=True):
    """CPU seconds of one way to read one answer, and how many characters came out."""

    cpu: float
    characters: int


def measure_stream(bench: Bench) -> list[Row]:
    """Rows of 100,000 tokens by dsterm, by a bare loop, and by the SDK's own; and of how time grows with the size."""
    sheet = Sheet("stream")
    words = answer()
    with raw_server(bench, words) as url:
        bench.tell(f"{TOKENS:,} tokens, bare and by dsterm")
        rounds = [(_run("bare", url), _run("dsterm", url)) for _ in range(bench.runs)]
        bench.tell(f"{TOKENS:,} tokens by the SDK's typed loop")
        typed = _run("typed", url)
    characters = sum(map(len, words))
    for loop in (typed, *(loop for pair in rounds for loop in pair)):
        if loop.characters != characters:
            raise BenchmarkError(f"{loop.characters:,} characters of {characters:,} were read.")
    name = f"{TOKENS:,} tokens"
    sheet.add(f"{name}, a bare loop", "CPU s", [bare.cpu for bare, _ in rounds])
    sheet.add(f"{name}, dsterm to its events", "CPU s", [ours.cpu for _, ours in rounds])
    sheet.add("dsterm over the bare loop", "x", [ours.cpu / bare.cpu for bare, ours in rounds], bar(4.0))
    sheet.add(f"{name}, the SDK's typed loop", "CPU s", [typed.cpu])
    sheet.add("dsterm over the SDK's typed loop", "x", [ours.cpu / typed.cpu for _, ours in rounds], bar(0.1))
    bench.tell("10 MB against 1 MB")
    for what in ("line", "deltas", "markup", "backticks"):
        growth = [_run(what, "10").cpu / _run(what, "1").cpu for _ in range(min(2, bench.runs))]
        # Ten times the work may take ten times as long; half as much again is for what the machine does besides.
        sheet.add(f"ten times the {what}", "x", growth, bar(15.0))
    return sheet.rows


def answer() -> list[str]:
    """The tokens of a long answer with prose, lists and code."""
    one_round = pieces(load_scenario(SCENARIOS / "flood.toml").replies[0].text + "\n")
    return (one_round * (TOKENS // len(one_round) + 1))[:TOKENS]


def events(words: list[str]) -> bytes:
    """`words` as a provider streams them, one event each."""

    def event(delta: dict[str, object], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        chunk = {"id": "0217801", "object": "chat.completion.chunk", "created": 1, "model": "deepseek/deepseek-v4-pro"}
        data = {**chunk, "system_fingerprint": "fp", "choices": [choice], "usage": None}
        return b"data: " + json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"

    body = [event({"content": word, "reasoning_content": None}) for word in words]
    return b"".join([*body, event({"content": ""}, "stop"), b"data: [DONE]\n\n"])


@contextmanager
def raw_server(bench: Bench, words: list[str]) -> Iterator[str]:
    """A server that answers every request with `words` at full speed; its base URL."""
    recording = bench.folder / "stream.sse"
    recording.write_bytes(events(words))
    command = (sys.executable, "-m", "benchmarks.stream_loops", "serve", str(recording))
    server = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    try:
        if server.stdout is None:
            raise BenchmarkError("The server has no output to read its address from.")
        yield server.stdout.readline().decode().strip()
    finally:
        kill_group(server.pid)
        server.wait()
        if server.stdout is not None:
            server.stdout.close()


def _run(what: str, argument: str) -> Loop:
    command = (sys.executable, "-m", "benchmarks.stream_loops", what, argument)
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False, timeout=300)
    if done.returncode:
        raise BenchmarkError(f"The loop `{what}` ended with exit code {done.returncode}.")
    return msgspec.json.decode(done.stdout, type=Loop)
