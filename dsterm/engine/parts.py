"""What an Engine is made of: everything that touches the world, handed in at boot so that tests can hand in their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dsterm.core.errors import UsageError
from dsterm.store.token_counts import TokenCounts

if TYPE_CHECKING:
    from dsterm.core.commands import CommandRunner
    from dsterm.core.config import Config
    from dsterm.core.instruction_events import InstructionFile
    from dsterm.core.models import ProviderCard
    from dsterm.core.provider import Provider
    from dsterm.core.services import Clock, Outline, SourceReader, TokenCounter
    from dsterm.core.workspace import Workspace
    from dsterm.engine.forecasting.past import PastRequests
    from dsterm.llm.catalog import Catalog
    from dsterm.store.index import Index
    from dsterm.store.packs import PackFolder
    from dsterm.store.sessions import SessionStore
    from dsterm.store.trust import TrustBook
    from dsterm.tools.toolbox import Toolbox
    from dsterm.workspace.git.git import Git
    from dsterm.workspace.git.user_git import UserGit
    from dsterm.workspace.saved.checkpoints import Checkpoints


@dataclass(frozen=True)
class RepoState:
    """Where the workspace stands in git: `branch` is empty outside a repository."""

    branch: str = ""
    dirty_files: int = 0


@dataclass(frozen=True)
class Patience:
    """Seconds of a server's silence until the user is told, between two tellings, and until trying again is offered."""

    notice: float = 30.0
    every: float = 10.0
    offer: float = 100.0


@dataclass(frozen=True)
class EngineParts:
    """The rooms and services of one engine.

    `connect` raises UsageError when there is no key, which `missing_key` tells beforehand (it may block for seconds); `warm`
    loads, in a thread, what a request needs; `sources` lists and reads what can be attached; `trust` keeps what the user granted
    to this project; `proposed_checks` are what the project's own settings would run; `redact` masks what looks like a key,
    `find_secrets` names it without showing it;
    `sessions`, `index` and `packs` are None when nothing is to be saved; `instructions` reads the files of instructions, in a
    thread; `can_ask` is False where no one can answer;
    `interrupted` are sentences about changes that a dsterm before this one was killed in.
    """

    config: Config
    catalog: Catalog
    connect: Callable[[ProviderCard], Provider]
    toolbox: Toolbox
    commands: CommandRunner
    trust: TrustBook
    git: Git
    user_git: UserGit
    workspace: Workspace
    checkpoints: Checkpoints
    counter: TokenCounter
    clock: Clock
    new_id: Callable[[], str]
    new_session_id: Callable[[], str]
    jitter: Callable[[], float]
    system: str
    folder: Path
    sources: SourceReader
    outline: Outline
    repo_state: Callable[[], Awaitable[RepoState]]
    note: Callable[[RepoState], str]
    packs: PackFolder | None
    sessions: SessionStore | None
    index: Index | None
    warm: Callable[[ProviderCard], None]
    redact: Callable[[str], str] = str
    find_secrets: Callable[[str], tuple[str, ...]] = lambda _text: ()
    is_trusted: bool = True
    instructions: Callable[[], tuple[InstructionFile, ...]] = lambda: ()
    missing_key: Callable[[ProviderCard], str] = lambda _card: ""
    proposed_checks: tuple[str, ...] = ()
    can_ask: bool = True
    interrupted: tuple[str, ...] = ()
    patience: Patience = Patience()
    token_counts: TokenCounts = field(default_factory=lambda: TokenCounts(None))

    @cached_property
    def past(self) -> PastRequests:
        """The requests before those of now, one and the same model being known by its alias wherever it is."""
        from dsterm.engine.forecasting.past import PastRequests  # noqa: PLC0415  after the first frame

        def family(provider: str, model: str) -> str:
            try:
                card = self.catalog.model(provider, model)
            except UsageError:
                return model
            return card.alias or card.id

        return PastRequests(family)
