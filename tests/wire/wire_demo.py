"""The demo server in the loop of a test: it refuses what the official server refuses."""

from __future__ import annotations

import itertools
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from demo_serving import serving

from dsterm.demo.scenario import Scenario, Script
from dsterm.demo.server import Circumstances, DemoServer, http_server
from dsterm.demo.tokens import Tokens


@asynccontextmanager
async def demo_playing(*replies: dict) -> AsyncIterator[str]:
    """The address of a server that gives `replies` one after the other, and refuses whatever comes then; without any it is
    the guide.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    ids = (f"id{number}" for number in itertools.count())
    script = Script(msgspec.convert({"replies": replies}, Scenario)) if replies else None
    around = Circumstances(tokens_per_second=0, script=script, now=lambda: 1_800_000_000.0, new_id=lambda: next(ids))
    words = Tokens(lambda: lambda text: len(re.findall(r"\w+|[^\w\s]", text)))
    demo = http_server(DemoServer(around, words).app())
    async with serving(demo, listener):
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
