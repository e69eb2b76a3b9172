from __future__ import annotations

import asyncio
import itertools
import re
import socket
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "llm"))

from llm_raw_server import RawServer

from dsterm.demo.server import Circumstances, DemoServer, http_server
from dsterm.demo.tokens import Tokens

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _no_proxy_of_the_machine(monkeypatch):
    for name in (*_PROXIES, *(proxy.lower() for proxy in _PROXIES)):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def server():
    raw = RawServer()
    await raw.start()
    yield raw
    await raw.stop()


@pytest.fixture
async def demo_url():
    """The demo server, which refuses what the official server refuses, in the loop of the test."""
    listener = socket.create_server(("127.0.0.1", 0))
    ids = (f"id{number}" for number in itertools.count())
    around = Circumstances(tokens_per_second=0, script=None, now=lambda: 1_800_000_000.0, new_id=lambda: next(ids))
    words = Tokens(lambda: lambda text: len(re.findall(r"\w+|[^\w\s]", text)))
    demo = http_server(DemoServer(around, words).app())
    serving = asyncio.create_task(demo.serve(sockets=[listener]))
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    demo.should_exit = demo.force_exit = True
    await serving
    listener.close()
