"""What the screen needs of others, as Protocols: the conversation behind it, the prompt history, the first start.

The screen never imports the engine; boot hands over objects that have these methods.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Protocol

import msgspec

from dsterm.core.attachments import PackChoice
from dsterm.core.config import ReasoningFold
from dsterm.core.events import Envelope
from dsterm.core.forecasts import SendForecast
from dsterm.core.mentions import Mention, MentionPaths
from dsterm.core.models import ProviderCard
from dsterm.core.questions import Answer
from dsterm.core.review import ProposedFile
from dsterm.core.services import Clock
from dsterm.core.status import Status
from dsterm.render.transcript import estimate_tokens
from dsterm.tui.attach_desk import AttachDesk


class Command(Protocol):
    """A slash command as completion, palette and help show it."""

    @property
    def name(self) -> str:
        """With its slash: `/model`."""
        ...

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other names for it, with their slashes."""
        ...

    @property
    def usage(self) -> str:
        """Name and arguments: `/model [pro|flash|ID]`."""
        ...

    @property
    def help(self) -> str:
        """What it does, in one line."""
        ...

    @property
    def choices(self) -> tuple[str, ...]:
        """Arguments worth offering."""
        ...


class SessionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One stored session in the list of `/resume`; `at` is when it was last written."""

    id: str
    title: str
    at: datetime
    turns: int


class StoredSession(Protocol):
    """What the list of sessions shows of each; SessionSummary is one."""

    @property
    def id(self) -> str:
        """What `/resume ID` takes."""
        ...

    @property
    def title(self) -> str:
        """The first prompt, shortened."""
        ...

    @property
    def at(self) -> datetime:
        """When it was last written."""
        ...

    @property
    def turns(self) -> int:
        """How many prompts it holds."""
        ...


class RewindPoint(Protocol):
    """A prompt that the conversation can go back to."""

    @property
    def number(self) -> int:
        """What `/rewind N` takes."""
        ...

    @property
    def at(self) -> datetime:
        """When it was sent."""
        ...

    @property
    def prompt(self) -> str:
        """The words."""
        ...

    @property
    def added(self) -> int:
        """Lines that its turn added."""
        ...

    @property
    def removed(self) -> int:
        """Lines that its turn removed."""
        ...

    @property
    def files(self) -> int:
        """Files that its turn changed."""
        ...


class Conversation(Protocol):
    """The engine's door."""

    def run(self, prompt: str) -> AsyncIterator[Envelope]:
        """One turn, ending with TurnEnded."""
        ...

    def answer_now(self) -> AsyncIterator[Envelope]:
        """A turn that answers, without more reasoning, what was stopped in mid-reasoning."""
        ...

    def command(self, line: str) -> AsyncIterator[Envelope]:
        """A slash command with its arguments, or a command of the user's own for the shell, which begins with `!`."""
        ...

    def forecast(self, draft: str, pasted: Sequence[str] = (), mentioned: int = 0) -> SendForecast | None:
        """What sending `draft` now comes to, with `pasted` texts and `mentioned` tokens; cheap enough for every letter."""
        ...

    async def count_draft(self, draft: str, pasted: Sequence[str] = ()) -> None:
        """Count what is long in it in a thread; the next forecast has it."""
        ...

    async def weigh(self, draft: str) -> tuple[Mention, ...]:
        """What `draft` mentions with `@`, with the tokens it will add."""
        ...

    async def mention_paths(self) -> MentionPaths:
        """The files that can be mentioned, by name."""
        ...

    def attach(self, source: str, choice: PackChoice) -> AsyncIterator[Envelope]:
        """Attach what `choice` takes of `source`; raises DstermError."""
        ...

    @property
    def attachments(self) -> AttachDesk:
        """Lists, counts and prices what can be attached."""
        ...

    def listen(self, listener: Callable[[Envelope], None]) -> None:
        """Hear what happens while neither turn nor command runs, such as the end of a job."""
        ...

    def answer(self, question_id: str, answer: Answer) -> None:
        """Reply to QuestionAsked."""
        ...

    def steer(self, text: str) -> None:
        """Add words between two steps of the running turn."""
        ...

    def interrupt(self) -> None:
        """Stop the running turn; it ends with TurnEnded by itself."""
        ...

    def status(self) -> Status:
        """A cheap snapshot."""
        ...

    def transcript(self) -> tuple[Envelope, ...]:
        """All durable events of the session so far."""
        ...

    def branch(self) -> tuple[Envelope, ...]:
        """Those of them that the conversation goes through; what it was rewound from is left out."""
        ...

    def rewind_points(self) -> Sequence[RewindPoint]:
        """The prompts of the conversation, oldest first."""
        ...

    def proposed(self, question_id: str) -> Sequence[ProposedFile]:
        """What a question proposes, as an editor can change it: files of a change, a plan, a commit message."""
        ...

    def sessions(self) -> Sequence[StoredSession]:
        """Sessions that can be resumed, newest first; may read the disk, so it is called in a thread."""
        ...

    @property
    def commands(self) -> Sequence[Command]:
        """The slash commands it understands."""
        ...

    async def close(self) -> None:
        """Give back what it holds."""
        ...


class PromptMemory(Protocol):
    """Prompts typed before, oldest first."""

    def entries(self) -> Sequence[str]:
        """All of them."""
        ...

    def add(self, text: str) -> None:
        """Remember one more."""
        ...


class Welcome(Protocol):
    """What the first start without a key can do."""

    @property
    def providers(self) -> Sequence[ProviderCard]:
        """Whom to choose from, the default first."""
        ...

    def save_key(self, provider: str, key: str) -> str:
        """Keep `key` and say in one sentence where; runs in a thread; raises DstermError."""
        ...

    def choose_demo(self) -> None:
        """The user wants to look round without a key."""
        ...


class ScreenOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the screen starts.

    `theme_folders` hold the user's themes; `log_crash` keeps the traceback of a failure and says where; `count_tokens`
    counts or estimates; `zone` is that of the times shown (None: the computer's); `on_ready` runs in a thread after the first
    paint; `prompt` is sent at once; `save_theme` keeps the user's choice; `editor` is the command line of the user's editor.
    """

    clock: Clock
    history: PromptMemory
    log_crash: Callable[[BaseException], str]
    theme: str = "dusk"
    theme_folders: tuple[Path, ...] = ()
    reasoning_fold: ReasoningFold = ReasoningFold.ON_ANSWER
    count_tokens: Callable[[str], int] = estimate_tokens
    zone: tzinfo | None = None
    mouse: bool = True
    prompt: str = ""
    title: str = "dsterm"
    on_ready: Callable[[], None] | None = None
    save_theme: Callable[[str], None] | None = None
    editor: str = ""
