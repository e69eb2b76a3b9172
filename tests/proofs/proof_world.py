"""dsterm as its start builds it, in a real repository, against a demo server in a process of its own that plays a story."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

from e2e_program import KEY, DemoServer, Program, clean_environment

from benchmarks.repository import add_history, make_repository
from dsterm.boot.assembly import build_parts
from dsterm.boot.known_keys import KnownKeys
from dsterm.boot.plan import plan_launch
from dsterm.cli import parse
from dsterm.core.events import Envelope, Event
from dsterm.core.questions import Answer, QuestionAsked
from dsterm.engine.engine import Engine
from dsterm.llm.tokens import V4Counter
from dsterm.store.sessions import SessionStore


@cache
def vocabulary() -> V4Counter:
    """Loaded once for all engines: it never changes."""
    counter = V4Counter()
    counter.load()
    return counter


class ProofWorld:
    """A repository of `files` files to work in, a home to save in, and a server, started with `words`, that plays what
    it is given.
    """

    def __init__(self, folder: Path, files: int, *words: str) -> None:
        self.folder = folder / "work"
        self.home = folder / "home"
        self.folder.mkdir()
        make_repository(self.folder, files, 4_000)
        add_history(self.folder, 20)
        self._scenario = folder / "scenario.json"
        self._server: DemoServer | None = None
        self._folder = folder
        self._words = words

    def serve(self, replies: Sequence[dict[str, object]]) -> None:
        """Start the server, in place of the one before; what it gives is read once, so all replies must be known by now."""
        self.close()
        self._scenario.write_text(json.dumps({"replies": list(replies)}), encoding="utf-8")
        self._server = DemoServer(self._folder, self._scenario, *self._words)

    def close(self) -> None:
        """End the server."""
        if self._server is not None:
            self._server.close()
            self._server = None

    @property
    def server(self) -> DemoServer:
        """The server, which was started."""
        assert self._server is not None
        return self._server

    @property
    def paths(self) -> list[str]:
        """The files, in the order of their names."""
        return sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("part_*/*"))

    def git(self, *words: str) -> None:
        """What the user does with git beside dsterm."""
        names = ("-c", "user.name=Test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false")
        environment = clean_environment(self.home) | {"GIT_TERMINAL_PROMPT": "0", "HOME": str(self._folder)}
        subprocess.run(["git", *names, *words], cwd=self.folder, env=environment, capture_output=True, check=True)

    @asynccontextmanager
    async def engine(self, folder: Path | None = None) -> AsyncIterator[Engine]:
        """A new start of dsterm in `folder`, by default the repository: everything anew but the tokenizer."""
        environment = clean_environment(self.home) | {"DSTERM_API_KEY": KEY, "PATH": os.environ["PATH"]}
        words = ["--base-url", self.server.url, "--cwd", str(folder or self.folder), "--trust", "--model", "flash"]
        plan = plan_launch(parse([*words, "--mode", "think", "--permission-mode", "ask"]), environment)
        keys = KnownKeys()
        keys.learn(plan.environment, plan.paths)
        engine = Engine(dataclasses.replace(build_parts(plan, keys, ""), counter=vocabulary()))
        try:
            yield engine
        finally:
            await engine.close()

    def program(self) -> Program:
        """dsterm as a process, with the same home and server."""
        program = Program(self.home, self.folder)
        program.trust(self.folder)
        program.use(self.server.url)
        return program

    def log(self, session: str) -> list[Envelope]:
        """What the log of `session` holds."""
        return list(SessionStore(self.home / "state" / "sessions").read(session)[1])


async def play(engine: Engine, prompt: str) -> list[Event]:
    """A turn, every question answered with its first option, which lets things go on; the events that were kept."""
    seen: list[Event] = []
    async for envelope in engine.run(prompt):
        _answer(engine, envelope.event)
        seen.append(envelope.event)
    return seen


async def do(engine: Engine, line: str) -> list[Event]:
    """A slash command, answered likewise."""
    seen: list[Event] = []
    async for envelope in engine.command(line):
        _answer(engine, envelope.event)
        seen.append(envelope.event)
    return seen


def _answer(engine: Engine, event: Event) -> None:
    if isinstance(event, QuestionAsked):
        engine.answer(event.id, Answer(answer=event.options[0].answer, text=""))
