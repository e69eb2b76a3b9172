"""Sessions begin here: a new one, or an earlier one read from its log, repaired where a crash left it open."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from dsterm.core.errors import UsageError
from dsterm.core.events import Envelope, NoticeLevel
from dsterm.core.models import ModelCard, ThinkingMode
from dsterm.engine.journal import Journal, Log
from dsterm.engine.live import LiveSession, RunTotals
from dsterm.engine.masked_log import MaskedLog
from dsterm.engine.parts import EngineParts
from dsterm.engine.session import Place, Session

if TYPE_CHECKING:
    from dsterm.llm.catalog import Catalog
    from dsterm.store.sessions import SessionSummary


class _Choice(msgspec.Struct, frozen=True):
    """What a resumed session goes on with; `notice` says why that is not what it ended with."""

    model: ModelCard
    mode: ThinkingMode
    notice: str = ""


class Opening:
    """Makes live sessions over the same parts."""

    def __init__(self, parts: EngineParts) -> None:
        self._parts = parts
        self._totals = RunTotals()

    def new(self) -> LiveSession:
        """A session without a word; its file comes with the first prompt."""
        config = self._parts.config
        model = self._parts.catalog.model(config.provider, config.model)
        session_id = self._parts.new_session_id()
        journal = self._journal(session_id, self._creator(session_id))
        return LiveSession(self._parts, journal, self._totals, model, config.mode)

    def new_like(self, former: LiveSession) -> LiveSession:
        """A new session with the choices of `former`."""
        live = self.new()
        live.model, live.mode = former.model, former.mode
        live.begun_at = Place(provider=live.model.provider, model=live.model.id, mode=live.mode)
        live.follow(former)
        return live

    def resume(self, session_id: str) -> LiveSession:
        """The session whose id begins with `session_id`; UsageError when there is none or it is open elsewhere."""
        if self._parts.sessions is None:
            raise UsageError("Nothing is saved in this run (--no-save), so there is no session to resume.")
        from dsterm.engine.calls.aftermath import inspect  # noqa: PLC0415  only for an earlier session
        from dsterm.engine.repair import missing_ends  # noqa: PLC0415  only for an earlier session

        log = self._parts.sessions.open(session_id)
        envelopes = log.envelopes()
        journal = self._journal(log.id, None)
        journal.load(envelopes, MaskedLog(log, self._parts.redact))
        chosen = self._choice(envelopes)
        live = LiveSession(self._parts, journal, RunTotals(), chosen.model, chosen.mode)
        look = partial(inspect, self._parts.checkpoints)
        for event in missing_ends(envelopes, self._parts.catalog.priced, self._parts.counter, look):
            live.emit(event)
        if live.changes.unfinished_undo is not None:
            live.notice(
                "dsterm was stopped in the middle of /undo, /redo or /rewind; the same again finishes it.",
                NoticeLevel.WARNING,
            )
        if chosen.notice:
            live.notice(chosen.notice, NoticeLevel.WARNING)
        # What an earlier run left open is not this run's spending.
        live.totals = self._totals
        return live

    def latest(self) -> LiveSession:
        """The last session of this folder; UsageError when there is none."""
        found = self._parts.sessions.latest(self._parts.folder) if self._parts.sessions else None
        if found is None:
            raise UsageError("There is no earlier session in this folder; start without --continue.")
        return self.resume(found)

    def sessions(self) -> list[SessionSummary]:
        """The sessions of this folder, the last used first."""
        return self._parts.sessions.list(self._parts.folder) if self._parts.sessions else []

    def _choice(self, envelopes: list[Envelope]) -> _Choice:
        """What the session ended with, where its provider can be asked and has the model; else what the settings say."""
        config, catalog = self._parts.config, self._parts.catalog
        session = Session(envelopes)
        mode = session.mode or config.mode
        settings = catalog.model(config.provider, config.model)
        if not session.provider or session.provider == config.provider:
            return _Choice(_listed(catalog, config.provider, session.model) or settings, mode)
        trouble = self._why_not(session.provider)
        model = None if trouble else _listed(catalog, session.provider, session.model)
        if model is not None:
            return _Choice(model, mode)
        trouble = trouble or f"{session.provider} has no {session.model} any more."
        twin = next((card for card in catalog.models(config.provider) if card.id == session.model), settings)
        title = catalog.provider(twin.provider).title
        return _Choice(twin, mode, f"This session was with {session.provider}: {trouble} It goes on with {title}.")

    def _why_not(self, name: str) -> str:
        """Why the provider called `name` can't be asked in this run, empty when it can."""
        card = next((card for card in self._parts.catalog.providers if card.name == name), None)
        if card is None:
            return "it is not in the catalog any more."
        if not card.base_url:
            return "no demo is running." if card.is_demo else "it has no address in this run (--provider, --base-url)."
        return self._parts.missing_key(card)

    def _creator(self, session_id: str) -> Callable[[], Log] | None:
        sessions = self._parts.sessions
        if sessions is None:
            return None
        parts = self._parts
        return lambda: MaskedLog(sessions.create(parts.folder, session_id, parts.clock.now()), parts.redact)

    def _journal(self, session_id: str, open_log: Callable[[], Log] | None) -> Journal:
        def book(envelope: Envelope) -> None:
            if self._parts.index is not None:
                self._parts.index.add(session_id, self._parts.folder, envelope)

        return Journal(session_id, self._parts.clock, self._parts.new_id, open_log, book)


def _listed(catalog: Catalog, provider: str, model_id: str) -> ModelCard | None:
    """The model with that id at `provider`, of those that it takes; None where it has none such."""
    try:
        return catalog.model(provider, model_id) if model_id else None
    except UsageError:
        return None
