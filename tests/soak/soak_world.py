"""dsterm's own parts, as its start builds them, over a demo server in a process of its own that fails now and then."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
import urllib.request
from contextlib import AsyncExitStack
from pathlib import Path

from e2e_program import KEY, clean_environment, commit_all

from dsterm.boot.assembly import build_parts
from dsterm.boot.known_keys import KnownKeys
from dsterm.boot.plan import plan_launch
from dsterm.cli import parse
from dsterm.demo.process import start_demo
from dsterm.demo.sample import make_sample_repo
from dsterm.engine.engine import Engine
from dsterm.llm.tokens import V4Counter

SHORT_WAITS = -4.3
"""Given as chance, it makes every wait before a retry about a fiftieth of what it is for users."""


class SoakWorld:
    """A folder to work in, a home to save in, and a provider that fails `share` of the requests."""

    def __init__(self, folder: Path, *, share: float, seed: int, pace: float) -> None:
        self.folder = folder / "work"
        self.home = folder / "home"
        self.record = folder / "record.jsonl"
        self._share, self._seed, self._pace = share, seed, pace
        self._counter = V4Counter()
        self._stack = AsyncExitStack()
        self.url = ""

    async def __aenter__(self) -> SoakWorld:
        make_sample_repo(self.folder)
        commit_all(self.folder)
        await asyncio.to_thread(self._counter.load)
        words = ("--tokens-per-second", str(self._pace), "--faults", str(self._share), "--seed", str(self._seed))
        demo = await start_demo(
            (sys.executable, "-P", "-m", "dsterm", "demo-server", *words, "--record", str(self.record))
        )
        self._stack.push_async_callback(demo.close)
        self.url, self.server_pid = demo.url, demo.pid
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def engine(self) -> Engine:
        """A new start of dsterm: everything anew but the tokenizer, which never changes."""
        environment = clean_environment(self.home) | {"DSTERM_API_KEY": KEY}
        words = ["--base-url", self.url, "--cwd", str(self.folder), "--trust", "--permission-mode", "ask"]
        plan = plan_launch(parse(words), environment)
        keys = KnownKeys()
        keys.learn(plan.environment, plan.paths)
        parts = build_parts(plan, keys, "")
        return Engine(dataclasses.replace(parts, jitter=lambda: SHORT_WAITS, counter=self._counter))

    @property
    def logs(self) -> list[Path]:
        return sorted((self.home / "state" / "sessions").glob("*.jsonl"))

    async def page(self, path: str) -> dict:
        """A page of the server, read."""

        def read() -> dict:
            with urllib.request.urlopen(self.url.removesuffix("/v1") + path, timeout=20) as response:
                return json.load(response)

        return await asyncio.to_thread(read)

    def reset_files(self) -> None:
        """The sample as it was, for the next thousand edits."""
        make_sample_repo(self.folder)
