"""Turns with commands in them, over a real sandbox: for the tests of bash, permissions, plans, jobs and `!`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from scripted import ENVIRONMENT, Script, ScriptedProvider, World, call

from dsterm.core.config import Config
from dsterm.core.delta_events import MessageProgress, ToolProgress
from dsterm.core.events import Event, Notice, NoticeLevel, ToolEnded
from dsterm.core.messages import AssistantMessage, Message, ToolMessage
from dsterm.core.models import PermissionMode
from dsterm.core.provider import Delta
from dsterm.core.questions import Answer, QuestionAsked
from dsterm.core.tools import ToolResult
from dsterm.engine.engine import Engine

KEY = "sk-abcdefGHIJKL0123456789mnopqrSTUV4567wxyzABCD12"
"""Shaped like a key, and nobody's."""

Reply = str | Answer | Callable[[QuestionAsked], object]
"""An answer, or what is done instead of answering."""


class CommandWorld(World):
    """A world that knows its engines, so that a test can leave jobs behind."""

    def __init__(self, folder: Path, first_id: int = 1) -> None:
        super().__init__(folder, first_id)
        self.engines: list[Engine] = []
        self.provider = ScriptedProvider([])

    def start(
        self, *scripts: Script, mode: PermissionMode = PermissionMode.ASK, config: Config | None = None, **parts: object
    ) -> Engine:
        """An engine whose model plays `scripts`."""
        self.provider = ScriptedProvider(scripts)
        engine = self.engine(self.provider, config or Config(permission_mode=mode), **parts)
        self.engines.append(engine)
        return engine

    async def close_engines(self) -> None:
        while self.engines:
            await self.engines.pop().close()

    def init_git(self) -> None:
        """Make the folder a repository with everything in it committed."""
        self.run_git("init", "-q", "-b", "main")
        self.run_git("add", "-A")
        self.run_git("commit", "-q", "--allow-empty", "-m", "Begin")

    def run_git(self, *arguments: str) -> str:
        names = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        environment = {**ENVIRONMENT, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(
            ("git", *names, *arguments), cwd=self.folder, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout


def bash(command: str, call_id: str = "call_a", index: int = 0, **arguments: object) -> Delta:
    return call("bash", {"command": command, "description": "a test", **arguments}, call_id, index)


async def drive(engine: Engine, line: str, *replies: Reply) -> list[Event]:
    """A prompt, or a command where it begins like one; every question takes the next reply, and none may be left over."""
    waiting = list(replies)
    stream = engine.command(line) if line.startswith(("/", "!")) else engine.run(line)
    events: list[Event] = []
    async for envelope in stream:
        events.append(envelope.event)
        if isinstance(envelope.event, QuestionAsked):
            reply = waiting.pop(0)
            if callable(reply):
                reply(envelope.event)
            else:
                engine.answer(envelope.event.id, Answer(answer=reply) if isinstance(reply, str) else reply)
    assert not waiting, f"nobody asked for {waiting}"
    return events


def names(events: Sequence[Event]) -> list[str]:
    """The kinds of the events without those that come as time passes."""
    return [type(event).__name__ for event in events if not isinstance(event, ToolProgress | MessageProgress)]


def of_calls(events: Sequence[Event]) -> list[str]:
    """What concerns calls and checks: asked, answered, ended."""
    return [name for name in names(events) if name.startswith(("ToolReq", "ToolEnd", "Question", "CheckS", "CheckE"))]


def result(events: Sequence[Event], number: int = 0) -> ToolResult:
    return [event.result for event in events if isinstance(event, ToolEnded)][number]


def questions(events: Sequence[Event]) -> list[QuestionAsked]:
    return [event for event in events if isinstance(event, QuestionAsked)]


def offered(question: QuestionAsked) -> dict[str, str]:
    """Keys and labels."""
    return {option.key: option.label for option in question.options}


def notices(events: Sequence[Event], level: NoticeLevel | None = None) -> list[str]:
    return [event.text for event in events if isinstance(event, Notice) and level in {None, event.level}]


def assert_growing(provider: ScriptedProvider) -> None:
    """Every request is the one before it plus a suffix, and all of its calls are answered once, in order."""
    for earlier, later in zip(provider.requests, provider.requests[1:], strict=False):
        assert later.messages[: len(earlier.messages)] == earlier.messages
        assert (later.system, later.tools) == (earlier.system, earlier.tools)
    for request in provider.requests:
        assert_answered(request.messages)


def assert_answered(messages: Sequence[Message]) -> None:
    waiting: list[str] = []
    for message in messages:
        if isinstance(message, ToolMessage):
            assert waiting.pop(0) == message.call_id
            continue
        assert not waiting, f"unanswered: {waiting}"
        if isinstance(message, AssistantMessage):
            waiting = [each.id for each in message.tool_calls]
    assert not waiting
