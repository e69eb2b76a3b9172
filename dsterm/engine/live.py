"""The session that is going on: what is chosen, what was granted, and `emit`, the one way an event comes into the world."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from msgspec.structs import replace

from dsterm.context.prefix import PrefixChain
from dsterm.core.attachments import PackManifest
from dsterm.core.command_plan import CommandRule
from dsterm.core.commands import Job
from dsterm.core.context_events import Compacted, OriginalsRestored, ResultsPruned
from dsterm.core.errors import DiskError, UsageError
from dsterm.core.events import (
    DELTAS,
    AsideEnded,
    Envelope,
    Event,
    ModeChanged,
    ModelChanged,
    Notice,
    NoticeLevel,
    PermissionModeChanged,
    StepEnded,
    StepStarted,
)
from dsterm.core.models import Forecast, ModelCard, PermissionMode, Price, ProviderCard, ThinkingMode
from dsterm.core.provider import Provider, ResponseFormat
from dsterm.core.tools import Effect
from dsterm.core.undo_events import Rewound
from dsterm.engine.attaching.drift_memory import DriftMemory
from dsterm.engine.instructing import Instructions
from dsterm.engine.journal import Journal
from dsterm.engine.kept_elsewhere import MOST_KEPT, KeptElsewhere, left_behind
from dsterm.engine.parts import EngineParts, RepoState
from dsterm.engine.questions import PendingQuestions
from dsterm.engine.session import Place, Session
from dsterm.engine.steps.learned import Learned
from dsterm.engine.undoing.change_history import ChangeHistory
from dsterm.policy.permissions import Rules


class Streaming:
    """Figures of the answer that is streaming now, in tokens, and the price of the model that gives it."""

    def __init__(self, prompt_tokens: int, cached_tokens: int, price: Price | None) -> None:
        self.price = price
        self.prompt_tokens = prompt_tokens
        self.cached_tokens = cached_tokens
        self.output_tokens = 0


class RunTotals:
    """What this run of the program came to, over all its sessions: `dollars` (None: a price was unknown) leaves the demo out."""

    def __init__(self) -> None:
        self.requests = 0
        self.dollars: Decimal | None = Decimal(0)

    def take(self, event: Event) -> None:
        """Count a request and what it cost."""
        if isinstance(event, StepStarted):
            self.requests += 1
        elif isinstance(event, AsideEnded):
            self.requests += 1
            self.take(event.ended)
        elif isinstance(event, StepEnded) and event.usage is not None and not event.is_demo:
            total = event.cost.total if event.cost else None
            self.dollars = None if total is None or self.dollars is None else self.dollars + total


class LiveSession:
    """One conversation in progress."""

    def __init__(
        self, parts: EngineParts, journal: Journal, totals: RunTotals, model: ModelCard, mode: ThinkingMode
    ) -> None:
        self.parts = parts
        self.totals = totals
        self.journal = journal
        self.session = Session(journal.envelopes)
        self.changes = ChangeHistory(journal.envelopes)
        self.learned = Learned(journal.envelopes)
        self.instructions = Instructions(journal.envelopes)
        self.prefix = PrefixChain()
        self.kept_elsewhere: tuple[KeptElsewhere, ...] = ()
        self.model = model
        self.mode = mode
        self.begun_at = Place(provider=model.provider, model=model.id, mode=mode)
        self.permission_mode = parts.config.permission_mode
        self.granted: frozenset[Effect] = frozenset()
        self.granted_calls: frozenset[str] = frozenset()
        self.only_reads = False
        self.may_fall_back = False
        self.turn_mode: ThinkingMode | None = None
        self.answer_format: ResponseFormat | None = None
        self.are_checks_off = False
        self.has_yolo = parts.config.permission_mode is PermissionMode.YOLO
        self.sandbox: str | None = None
        self.suggested: tuple[CommandRule, ...] = ()
        self.ended_jobs: list[Job] = []
        self.questions = PendingQuestions()
        self.steering: list[str] = []
        self.streaming: Streaming | None = None
        self.repo = RepoState()
        self.forecasts: dict[tuple[object, ...], Forecast] = {}
        self.listener: Callable[[Envelope], None] | None = None
        self.drift = DriftMemory()
        self.has_warned_of_tree = False
        self.has_warned_of_grants = False
        self.has_told_price = False
        self.accepted: tuple[object, Decimal | None] | None = None
        self.draft = (0, 0)
        self.offered = (0, False)
        self._packs: dict[str, str] = {}
        self._manifests: dict[str, PackManifest] = {}
        self._connections: dict[str, Provider] = {}

    def emit(self, event: Event) -> None:
        """Record `event`, fold it in, and show it to whoever listens."""
        for envelope in self.journal.record(event):
            if not isinstance(envelope.event, DELTAS):
                self._fold(envelope)
                self.totals.take(envelope.event)
                self.parts.past.take(self.journal.session_id, envelope)
            if self.listener is not None:
                self.listener(envelope)

    def _fold(self, envelope: Envelope) -> None:
        self.changes.apply(envelope)
        self.learned.take(envelope.event)
        self.instructions.take(envelope.event)
        if isinstance(envelope.event, Rewound):
            self.session = Session(self.journal.envelopes)
            self.forecasts.clear()
        else:
            self.session.apply(envelope.event, envelope.at)
            if isinstance(envelope.event, ResultsPruned | Compacted | OriginalsRestored):
                self.forecasts.clear()

    def notice(self, text: str, level: NoticeLevel = NoticeLevel.INFO) -> None:
        """Say something to the reader."""
        self.emit(Notice(text=text, level=level))

    @property
    def provider(self) -> ProviderCard:
        """The provider that the next request goes to."""
        return self.parts.catalog.provider(self.model.provider)

    @property
    def system(self) -> str:
        """The system text of this session's requests, with the instructions that were read before the first."""
        own = self.instructions.text or self.instructions.found
        return f"{self.parts.system}\n{own}" if own else self.parts.system

    def connection(self) -> Provider:
        """The provider, connected on first use and until the session is closed; UsageError when it has no key.

        What runs keeps the one it began with, whatever is chosen meanwhile.
        """
        name = self.provider.name
        if name not in self._connections:
            self._connections[name] = self.parts.connect(self.provider)
        return self._connections[name]

    def card(self, model: ModelCard) -> ModelCard:
        """`model` as it is now: at the price of this hour, with the window that its server named."""
        fitted = self.learned.fitted(model)
        if model.off_peak is None:
            return fitted
        return replace(fitted, price=model.price_at(self.parts.clock.now()), off_peak=None, peak_hours=())

    def choose_model(self, model: ModelCard) -> None:
        """Send the next request to `model`, at whatever provider; UsageError where that has no address."""
        self.parts.catalog.provider(model.provider)
        self.model = model
        self.emit(ModelChanged(provider=model.provider, model=model.id))

    def choose_mode(self, mode: ThinkingMode) -> None:
        """Send the next request in `mode`."""
        self.mode = mode
        self.emit(ModeChanged(mode=mode))

    def choose_permissions(self, mode: PermissionMode) -> None:
        """Decide tool calls by `mode` from here on; grants of this session end."""
        self.permission_mode = mode
        self.granted, self.granted_calls = frozenset(), frozenset()
        self.emit(PermissionModeChanged(mode=mode))

    @property
    def sending_mode(self) -> ThinkingMode:
        """What the next request is sent in: the mode that is chosen, or the one that the running turn has of its own."""
        return self.turn_mode or self.mode

    @property
    def deciding_mode(self) -> PermissionMode:
        """The mode that holds now; a turn that only reads is decided as in plan mode."""
        return PermissionMode.PLAN if self.only_reads else self.permission_mode

    def rules(self) -> Rules:
        """What holds when a tool call is decided."""
        config = self.parts.config
        return Rules(
            mode=self.deciding_mode,
            allowed_tools=config.allowed_tools,
            disallowed_tools=config.disallowed_tools,
            granted=self.granted,
            granted_calls=self.granted_calls,
            kept=self._kept_rules(),
            has_read=self.session.has_read or self.instructions.is_of_others,
            has_network=config.sandbox_network,
        )

    def follow(self, former: LiveSession) -> None:
        """Take over what the user chose in this run, and what was found out about the folder."""
        self.permission_mode, self.has_yolo = former.permission_mode, former.has_yolo
        self.repo, self.sandbox = former.repo, former.sandbox
        self.kept_elsewhere = (*former.kept_elsewhere, *left_behind(former.session))[-MOST_KEPT:]

    def _kept_rules(self) -> tuple[CommandRule, ...]:
        """The project's rules; none where they can't be read, so that everything asks."""
        try:
            return self.parts.trust.rules(self.parts.folder)
        except (DiskError, UsageError) as error:
            self.warn_of_grants(f"{error} Until then no rule and no check that was kept for this project holds.")
            return ()

    def warn_of_grants(self, text: str) -> None:
        """Say, once, that what the user granted to this project can't be read or kept."""
        if not self.has_warned_of_grants:
            self.has_warned_of_grants = True
            self.notice(text, NoticeLevel.WARNING)

    def keep_pack(self, digest: str, text: str, manifest: PackManifest | None = None) -> None:
        """Keep an attached text for this session, and on disk where sessions are saved, with what stands where in it; DiskError.

        Also a text that was told of a changed file, by its SHA-256 too, without a manifest.
        """
        if self.parts.packs is not None and self.journal.is_saved:
            self.parts.packs.save(text)
            if manifest is not None:
                self.parts.packs.save_manifest(digest, manifest)
        self._packs[digest] = text
        if manifest is not None:
            self._manifests[digest] = manifest

    def load_manifest(self, digest: str) -> PackManifest:
        """What stands where in an attached text; DiskError when it is gone."""
        if digest not in self._manifests:
            if self.parts.packs is None:
                raise DiskError("An attached repository is not kept on disk. /detach it and attach it again.")
            self._manifests[digest] = self.parts.packs.load_manifest(digest)
        return self._manifests[digest]

    def load_pack(self, digest: str) -> str:
        """An attached text, the same bytes as when it was attached; DiskError when it is gone."""
        if digest not in self._packs:
            if self.parts.packs is None:
                raise DiskError("An attached repository is not kept on disk. /detach it and attach it again.")
            self._packs[digest] = self.parts.packs.load(digest)
        return self._packs[digest]

    async def close(self) -> None:
        """Give back the log and the providers' sockets."""
        self.journal.close()
        for connection in self._connections.values():
            await connection.close()
        self._connections.clear()
