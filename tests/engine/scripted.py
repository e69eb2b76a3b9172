"""An engine over a real folder, a real session store and a provider that plays a script: for exact lists of events."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from scripted_sources import ScriptedSources

from dsterm.context.prompt import system_prompt
from dsterm.core.commands import SandboxFacts
from dsterm.core.config import Config
from dsterm.core.delta_events import MessageProgress
from dsterm.core.events import Envelope, Event
from dsterm.core.instruction_events import InstructionFile
from dsterm.core.models import ProviderCard, Usage
from dsterm.core.provider import Delta, Ended, Request, StopReason, TextPiece, ToolCallPiece, UsagePiece
from dsterm.core.questions import Answer, QuestionAsked
from dsterm.engine.engine import Engine
from dsterm.engine.parts import EngineParts, Patience, RepoState
from dsterm.llm.catalog import load_catalog
from dsterm.policy.shell import read_command
from dsterm.render.outline import TokenOutline
from dsterm.store.index import Index
from dsterm.store.masking import find_secrets, redact
from dsterm.store.packs import PackFolder
from dsterm.store.sessions import SessionStore
from dsterm.store.trust import TrustBook
from dsterm.tools.toolbox import build_toolbox
from dsterm.workspace.commands.jobs import Jobs, JobSetting
from dsterm.workspace.confinement.sandbox import FoundSandbox, SandboxPlaces, find_sandbox
from dsterm.workspace.files.local import LocalWorkspace
from dsterm.workspace.git.git import Git
from dsterm.workspace.git.user_git import UserGit
from dsterm.workspace.programs import find_program, program_folders
from dsterm.workspace.saved.checkpoints import Checkpoints

ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8"}

USAGE = Usage(prompt_tokens=1000, cached_tokens=640, completion_tokens=50, reasoning_tokens=20)


class TickingClock:
    """Every look at it is a hundredth of a second later."""

    def __init__(self) -> None:
        self._ticks = itertools.count()

    def now(self) -> datetime:
        return datetime(2026, 11, 22, 14, 0, tzinfo=UTC) + timedelta(seconds=next(self._ticks) / 100)

    def monotonic(self) -> float:
        return next(self._ticks) / 100


class WordCounter:
    """A token for every four characters."""

    name = "words"
    is_exact = True

    def load(self) -> None:
        """There is nothing to load."""

    def count(self, text: str) -> int:
        return -(-len(text) // 4)

    def count_exactly(self, texts: Sequence[str]) -> list[int]:
        return [self.count(text) for text in texts]


Script = Sequence[Delta | float]


class ScriptedProvider:
    """Plays one list of deltas a request; a number among them is a pause in seconds."""

    def __init__(self, scripts: Sequence[Script]) -> None:
        self._scripts = list(scripts)
        self.requests: list[Request] = []

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        self.requests.append(request)
        for entry in self._scripts.pop(0):
            if isinstance(entry, float):
                await asyncio.sleep(entry)
            else:
                yield entry

    async def close(self) -> None:
        pass


def answer(text: str, usage: Usage | None = USAGE) -> list[Delta]:
    pieces: list[Delta] = [TextPiece(text)]
    if usage is not None:
        pieces.append(UsagePiece(usage=usage))
    return [*pieces, Ended(stop=StopReason.STOP)]


def call(name: str, arguments: dict[str, object], call_id: str = "call_a", index: int = 0) -> ToolCallPiece:
    return ToolCallPiece(index=index, id=call_id, name=name, arguments=msgspec.json.encode(arguments).decode())


def calls(*pieces: Delta) -> list[Delta]:
    return [*pieces, UsagePiece(usage=USAGE), Ended(stop=StopReason.TOOL_CALLS)]


OPEN_WORLDS: list[World] = []
"""The worlds of the running test; the fixture in conftest closes them."""


class World:
    """A folder to work in, a home to save in, and engines over both."""

    def __init__(self, folder: Path, first_id: int = 1) -> None:
        self.folder = folder / "work"
        self.folder.mkdir(exist_ok=True)
        self.home = folder / "home"
        self._ids = itertools.count(first_id)
        self._indexes: list[Index] = []
        self.instructions: Callable[[], tuple[InstructionFile, ...]] = lambda: ()
        OPEN_WORLDS.append(self)

    def close(self) -> None:
        """Give back what engines that were never closed hold."""
        for index in self._indexes:
            index.close()

    @property
    def programs(self) -> tuple[Path, ...]:
        return program_folders(ENVIRONMENT)

    @property
    def trust(self) -> TrustBook:
        return TrustBook(self.home / "trust.json", home=self.home)

    def runner(self, *, has_sandbox: bool = True) -> Jobs:
        """Real commands, in the sandbox where one works."""
        places = SandboxPlaces(
            roots=(self.folder.resolve(),),
            own_folders=(self.home.resolve(),),
            cache=self.home.resolve() / "cache",
            home=self.home.resolve(),
        )

        def find() -> FoundSandbox:
            if has_sandbox:
                return find_sandbox(places, self.programs, sys.platform)
            return FoundSandbox(None, SandboxFacts(trouble="it is switched off."))

        setting = JobSetting(
            find_sandbox=find,
            root=self.folder.resolve(),
            environment=ENVIRONMENT,
            key_variables=frozenset({"DSTERM_API_KEY"}),
            logs=self.home / "commands",
            redact=lambda text: redact(text, ()),
            clock=TickingClock(),
        )
        return Jobs(setting)

    @property
    def store(self) -> SessionStore:
        return SessionStore(self.home / "sessions")

    @property
    def git(self) -> Git:
        program = find_program("git", self.programs)
        return Git(program, self.folder, environment=ENVIRONMENT)

    @property
    def checkpoints(self) -> Checkpoints:
        return Checkpoints(self.folder, self.home / "checkpoints", door=self.git.door)

    def engine(
        self,
        provider: ScriptedProvider,
        config: Config | None = None,
        *,
        can_ask: bool = True,
        is_saved: bool = True,
        pack_text: str = "x = 1\n",
        pack_secret: str = "",
        interrupted: tuple[str, ...] = (),
        proposed_checks: tuple[str, ...] = (),
        has_sandbox: bool = True,
        patience: Patience | None = None,
    ) -> Engine:
        store = self.store if is_saved else None
        if store:
            self._indexes.append(Index(self.home / "index.db", store))
        connect: Callable[[ProviderCard], ScriptedProvider] = lambda _card: provider  # noqa: E731 - typed for mypy

        async def repo_state() -> RepoState:
            return RepoState(branch="main", dirty_files=2)

        workspace = LocalWorkspace(self.folder, program_folders=())
        commands = self.runner(has_sandbox=has_sandbox)
        parts = EngineParts(
            config=config or Config(),
            catalog=load_catalog(),
            connect=connect,
            toolbox=build_toolbox(workspace, runner=commands, reader=read_command, timeout_seconds=5),
            workspace=workspace,
            commands=commands,
            trust=self.trust,
            git=self.git,
            user_git=UserGit(
                find_program("git", self.programs), self.folder, environment=ENVIRONMENT, keys=frozenset()
            ),
            redact=lambda text: redact(text, ()),
            find_secrets=lambda text: find_secrets(text, ()),
            proposed_checks=proposed_checks,
            checkpoints=self.checkpoints if is_saved else Checkpoints(self.folder, None),
            counter=WordCounter(),
            clock=TickingClock(),
            new_id=lambda: f"e{next(self._ids)}",
            new_session_id=lambda: f"20261122-140000-s{next(self._ids)}",
            jitter=lambda: 0.5,
            system=system_prompt(""),
            folder=self.folder,
            sources=ScriptedSources(self.folder, pack_text, pack_secret),
            outline=TokenOutline(),
            repo_state=repo_state,
            note=lambda repo: f"<environment>branch {repo.branch}</environment>",
            packs=PackFolder(self.home / "packs") if store else None,
            sessions=store,
            index=self._indexes[-1] if store else None,
            warm=lambda _card: None,
            can_ask=can_ask,
            instructions=self.instructions,
            interrupted=interrupted,
            patience=patience or Patience(),
        )
        return Engine(parts)


async def play(engine: Engine, prompt: str, answers: Sequence[Answer] = ()) -> list[Event]:
    """Run a turn, giving `answers` to its questions in order."""
    waiting = list(answers)
    events: list[Event] = []
    async for envelope in engine.run(prompt):
        events.append(envelope.event)
        if isinstance(envelope.event, QuestionAsked):
            engine.answer(envelope.event.id, waiting.pop(0))
    return events


async def do(engine: Engine, line: str) -> list[Event]:
    """Run a command."""
    return [envelope.event async for envelope in engine.command(line)]


def kinds(events: Sequence[Event] | Sequence[Envelope]) -> list[str]:
    """The names of the events, without the time-driven MessageProgress."""
    plain = [event.event if isinstance(event, Envelope) else event for event in events]
    return [type(event).__name__ for event in plain if not isinstance(event, MessageProgress)]


def only(events: Sequence[Event], kind: type[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, kind)]
