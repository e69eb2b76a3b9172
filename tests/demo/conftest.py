from __future__ import annotations

import asyncio
import http.client
import itertools
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from demo_serving import serving

from dsterm.demo.scenario import Script, load_scenario
from dsterm.demo.server import Circumstances, DemoServer, http_server
from dsterm.demo.tokens import Tokens

PRO = "deepseek/deepseek-v4-pro"


def count_words(text: str) -> int:
    return len(re.findall(r"\w+|[^\w\s]", text))


class Client:
    """A demo server in a thread, and the plainest of clients for it."""

    def __init__(self, script: Script | None, tokens_per_second: float, **around: object) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        ids = (f"id{number}" for number in itertools.count())
        self._around = Circumstances(
            tokens_per_second=tokens_per_second,
            script=script,
            now=lambda: 1_800_000_000.0,
            new_id=lambda: next(ids),
            **around,
        )
        self._loaded = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        self._loaded.wait(5)

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with serving(http_server(DemoServer(self._around, Tokens(lambda: count_words)).app()), self._listener):
            self._loaded.set()
            await self._over.wait()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(5)

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict | None = None
    ) -> tuple[int, dict, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=8)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        finally:
            connection.close()

    def get(self, path: str) -> dict:
        return json.loads(self.request("GET", path)[2])

    def post(self, **fields: object) -> tuple[int, dict, bytes]:
        body = {"model": PRO, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 32_768, **fields}
        return self.request("POST", "/v1/chat/completions", json.dumps(body).encode())

    def stream(self, **fields: object) -> list[dict]:
        """The chunks of a stream that ends properly."""
        status, _, data = self.post(**{"stream": True, "stream_options": {"include_usage": True}, **fields})
        assert status == 200, data
        events = data.decode().split("\n\n")
        assert events[-2:] == ["data: [DONE]", ""]
        return [json.loads(event.removeprefix("data: ")) for event in events[:-2] if not event.startswith(":")]

    def error(self, **fields: object) -> str:
        status, _, data = self.post(**fields)
        assert status == 400, data
        return json.loads(data)["error"]["message"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Client]]:
    """Start a server, with a scenario given as TOML or not."""
    clients: list[Client] = []

    def begin(scenario: str = "", tokens_per_second: float = 0, **around: object) -> Client:
        script = None
        if scenario:
            file = tmp_path / "scenario.toml"
            file.write_text(scenario, encoding="utf-8")
            script = Script(load_scenario(file))
        clients.append(Client(script, tokens_per_second, **around))
        return clients[-1]

    yield begin
    for client in clients:
        client.close()


@pytest.fixture
def demo(start: Callable[..., Client]) -> Client:
    return start()


@pytest.fixture(scope="session")
def shared_demo() -> Iterator[Client]:
    """One server for tests that look at single answers only."""
    client = Client(None, 0)
    yield client
    client.close()
