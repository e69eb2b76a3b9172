from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "llm"))
sys.path.append(str(Path(__file__).parents[1] / "engine"))
sys.path.append(str(Path(__file__).parents[1] / "demo"))

from llm_raw_server import RawServer
from scripted import OPEN_WORLDS
from wire_demo import demo_playing

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _no_proxy_of_the_machine(monkeypatch):
    for name in (*_PROXIES, *(proxy.lower() for proxy in _PROXIES)):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _closed_worlds():
    yield
    while OPEN_WORLDS:
        OPEN_WORLDS.pop().close()


@pytest.fixture
async def server():
    raw = RawServer()
    await raw.start()
    yield raw
    await raw.stop()


@pytest.fixture
async def demo_url():
    """The demo server, which refuses what the official server refuses, in the loop of the test."""
    async with demo_playing() as url:
        yield url
