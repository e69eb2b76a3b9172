"""A live session over a real folder, real commands and a provider that plays a script."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from scripted import ScriptedProvider, TickingClock, WordCounter

from dsterm.core.commands import CommandLaunch, Job, JobOutput, JobState, SandboxFacts
from dsterm.core.config import Config
from dsterm.core.events import Event, TurnEnd, TurnEnded, TurnStarted
from dsterm.core.models import ThinkingMode
from dsterm.core.questions import Answer, QuestionAsked
from dsterm.core.undo_events import ChangesSaved, CheckpointSaved, SavedFile
from dsterm.engine.forecasting.past import PastRequests
from dsterm.engine.journal import Journal
from dsterm.engine.live import LiveSession, RunTotals
from dsterm.engine.parts import Patience, RepoState
from dsterm.llm.catalog import load_catalog
from dsterm.workspace.files.local import LocalWorkspace
from dsterm.workspace.saved.checkpoints import Checkpoints

ANSWERED = TurnEnded(reason=TurnEnd.ANSWERED)


class ShellRunner:
    """Runs commands for real, without a sandbox, and notes how it was asked to."""

    def __init__(self, sandbox: str = "test") -> None:
        self.sandbox = SandboxFacts(name=sandbox, trouble="" if sandbox else "none here")
        self.launches: list[CommandLaunch] = []
        self.state = JobState.ENDED
        self.lack = None

    async def run(self, launch: CommandLaunch, progress: Callable[[str], None]) -> JobOutput:
        self.launches.append(launch)
        process = await asyncio.create_subprocess_shell(
            launch.command,
            cwd=launch.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            output, _ = await process.communicate()
        except asyncio.CancelledError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.communicate()
            raise
        progress(output.decode())
        job = Job(
            id=str(len(self.launches)),
            command=launch.command,
            state=self.state,
            started=TickingClock().now(),
            confinement=launch.confinement,
            exit_code=process.returncode if self.state is JobState.ENDED else None,
        )
        return JobOutput(job=job, text=output.decode(), lack=self.lack)

    def jobs(self) -> tuple[Job, ...]:
        return ()


class KeptChecks:
    """The part of a TrustBook that checks need."""

    def __init__(self) -> None:
        self.kept: tuple[str, ...] = ()

    def checks(self, folder: Path) -> tuple[str, ...]:
        return self.kept

    def set_checks(self, folder: Path, commands: Sequence[str]) -> None:
        self.kept = tuple(commands)


class WorkLoop:
    """A live session; `events` is everything it emitted, `answers` are given to its questions in order."""

    def __init__(self, root: Path, scripts: Sequence[Any] = (), config: Config | None = None, **parts: Any) -> None:
        root.mkdir(exist_ok=True)
        self.root = root
        self.provider = ScriptedProvider(scripts)
        self.runner = ShellRunner()
        self.trust = KeptChecks()
        self.events: list[Event] = []
        self.answers: list[Answer | str] = []
        self.questions: list[QuestionAsked] = []
        self.proposed: list[str] = []
        self.config = config or Config()
        ids = itertools.count(1)
        catalog = load_catalog()
        everything = {
            "config": self.config,
            "catalog": catalog,
            "connect": lambda _card: self.provider,
            "commands": self.runner,
            "trust": self.trust,
            "workspace": LocalWorkspace(root, program_folders=()),
            "checkpoints": Checkpoints(root, None),
            "counter": WordCounter(),
            "clock": TickingClock(),
            "new_id": lambda: f"e{next(ids)}",
            "jitter": lambda: 0.5,
            "folder": root,
            "repo_state": self._repo_state,
            "packs": None,
            "redact": str,
            "find_secrets": lambda _text: (),
            "is_trusted": True,
            "proposed_checks": (),
            "can_ask": True,
            "instructions": tuple,
            "past": PastRequests(lambda _provider, model: model),
            "patience": Patience(),
        }
        journal = Journal("s1", TickingClock(), everything["new_id"], None, lambda _envelope: None)
        model = catalog.model(parts.pop("provider", "novita"), parts.pop("model", "pro"))
        live: Any = LiveSession(
            SimpleNamespace(**(everything | parts)), journal, RunTotals(), model, ThinkingMode.THINK
        )
        self.live = live
        live.are_checks_off = False
        live.listener = self._hear

    async def _repo_state(self) -> RepoState:
        return RepoState()

    def _hear(self, envelope: Any) -> None:
        self.events.append(envelope.event)
        if isinstance(envelope.event, QuestionAsked):
            self.questions.append(envelope.event)
            asyncio.get_running_loop().call_soon(self._answer, envelope.event.id)

    def _answer(self, question_id: str) -> None:
        self.proposed += [file.text for file in self.live.questions.proposed(question_id)]
        answer = self.answers.pop(0)
        self.live.questions.answer(question_id, Answer(answer=answer) if isinstance(answer, str) else answer)

    def begin_turn(self) -> None:
        self.live.emit(TurnStarted(prompt="do it"))

    def edit(self, path: str = "a.py", after: str = "new") -> None:
        """As if a tool call had changed a file."""
        call_id = self.live.parts.new_id()
        self.live.emit(CheckpointSaved(call_id=call_id, files=(SavedFile(path=path, blob="old", mode=0o100644),)))
        self.live.emit(ChangesSaved(call_id=call_id, files=(SavedFile(path=path, blob=after, mode=0o100644),)))

    def pay(self, dollars: str) -> None:
        """As if a step had cost so much."""
        self.live.session.turn_dollars += Decimal(dollars)

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def python(code: str) -> str:
    """A command that runs `code`."""
    return f"python3 -c '{code}'"


CLEAN_ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
