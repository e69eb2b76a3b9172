"""The demo server as a process of its own, so that its work is not counted as dsterm's; and a bare request to it."""

from __future__ import annotations

import http.client
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from benchmarks.bench import Bench
from benchmarks.figures import BenchmarkError
from benchmarks.measure import kill_group

SCENARIOS = Path(__file__).parent / "scenarios"
_BODY = (
    b'{"model":"deepseek/deepseek-v4-pro","messages":[{"role":"user","content":"hi"}],"max_tokens":64,"stream":true}'
)


class _Ready(msgspec.Struct, frozen=True):
    url: str


@contextmanager
def demo_server(bench: Bench, scenario: Path) -> Iterator[str]:
    """A server that plays `scenario` at full speed; its base URL. It is ended on the way out, whatever happened."""
    command = (sys.executable, "-P", "-m", "dsterm", "demo-server", "--tokens-per-second", "0")
    server = subprocess.Popen(
        (*command, "--scenario", str(scenario)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=bench.environment("server-home"),
        cwd=bench.folder,
        start_new_session=True,
    )
    try:
        if server.stdout is None:
            raise BenchmarkError("The demo server has no output to read its address from.")
        line = server.stdout.readline()
        if not line:
            raise BenchmarkError("The demo server did not start; `dsterm demo-server` says why.")
        url = msgspec.json.decode(line, type=_Ready).url
        # The first answer waits for the server's imports and vocabulary, which are not to be measured.
        raw_request(url, _BODY)
        yield url
    finally:
        kill_group(server.pid)
        server.wait()
        for pipe in (server.stdin, server.stdout):
            if pipe is not None:
                pipe.close()


def raw_request(url: str, body: bytes) -> float:
    """Post `body` as it is and read the answer to its end; the wall seconds that took."""
    address = urlsplit(url)
    begin = time.perf_counter()
    connection = http.client.HTTPConnection(address.netloc, timeout=60)
    try:
        connection.request("POST", f"{address.path}/chat/completions", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
    except OSError as error:
        raise BenchmarkError(f"The demo server does not answer ({error}).") from error
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise BenchmarkError(f"The demo server refused a request: {text[:200].decode(errors='replace')}")
    return time.perf_counter() - begin
