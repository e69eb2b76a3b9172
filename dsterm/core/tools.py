"""What a tool is: a spec that the model reads, a plan without side effects, and a run with a result.

A tool is built over a Workspace at boot. `prepare` checks the arguments and works out what would happen;
only then does policy decide, and only then is `PreparedCall.run` awaited.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Protocol

import msgspec

from dsterm.core.command_plan import PlannedCommand
from dsterm.core.diff import FileDiff


class ToolSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A tool as the model is told of it; `parameters` is the JSON schema, already encoded, so its bytes never vary."""

    name: str
    description: str
    parameters: msgspec.Raw


class Effect(StrEnum):
    """What a tool call would touch.

    `INSPECT` runs programs that are known to read only and `EXECUTE` any others, both in the sandbox; `OUTSIDE` is without one.
    `SECRETS` reads what looks like keys or passwords.
    """

    READ = "read"
    WRITE = "write"
    INSPECT = "inspect"
    EXECUTE = "execute"
    NETWORK = "network"
    OUTSIDE = "outside"
    SECRETS = "secrets"


class Lack(StrEnum):
    """What a sandboxed command seems to have failed for."""

    NETWORK = "network"
    RIGHTS = "rights"


class TaskState(StrEnum):
    """How far a task of the model's to-do list is."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the model's to-do list."""

    content: str
    state: TaskState = TaskState.PENDING


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a call would do: its effects, the one argument that matters as `subject`, and the changes it would make.

    `concerns` say in plain words why it has effects beyond the usual (`.env looks like it holds secrets`).
    """

    effects: tuple[Effect, ...]
    subject: str
    diffs: tuple[FileDiff, ...] = ()
    concerns: tuple[str, ...] = ()
    command: PlannedCommand | None = None


class Outcome(StrEnum):
    """How a tool call ended."""

    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class ToolResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a call: `content` goes to the model word for word, `summary` (`3 hits`) to the reader.

    `lack` is what a command in the sandbox seems to have failed for; `job` is the id of the command that ran.
    """

    outcome: Outcome
    content: str
    summary: str = ""
    diffs: tuple[FileDiff, ...] = ()
    tasks: tuple[Task, ...] | None = None
    seconds: float = 0.0
    lack: Lack | None = None
    job: str = ""


Progress = Callable[[str], None]
"""Takes a piece of a running tool's output for the screen."""


class PreparedCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call whose arguments hold: what it would do, and how to do it. `run` raises ToolError when it can't after all.

    `wider` plans the same call once more with what its result says it lacked.
    """

    plan: Plan
    run: Callable[[Progress], Awaitable[ToolResult]]
    wider: Callable[[Lack], PreparedCall] | None = None


class Tool(Protocol):
    """One thing a model may ask for."""

    @property
    def spec(self) -> ToolSpec:
        """How the model is told of it."""
        ...

    async def prepare(self, arguments: Mapping[str, object]) -> PreparedCall:
        """Check `arguments` and plan the call without side effects; ToolError says to the model what is wrong."""
        ...
