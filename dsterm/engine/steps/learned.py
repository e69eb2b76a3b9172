"""What the requests of a session have shown about the servers they went to, folded from its log: a resumed one knows it too."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from dsterm.core.events import Envelope, Event, StepEnded, StepStarted
from dsterm.core.models import ModelCard
from dsterm.core.provider import FailureKind
from dsterm.core.wire_events import Intervened, Intervention

REFILL = "(reasoning omitted)"
"""What stands for missing reasoning at a provider that refused the placeholder of the catalog."""

_LEAST_WINDOW = 1_024
"""Tokens; what claims to be a smaller window is none."""


class Learned:
    """Windows that servers named, providers that want missing reasoning filled in, and what the user was told of already."""

    def __init__(self, envelopes: Iterable[Envelope] = ()) -> None:
        self._windows: dict[tuple[str, str], int] = {}
        self._refilled: set[str] = set()
        self._told: set[tuple[str, ...]] = set()
        self._started: StepStarted | None = None
        self._answered_by = ""
        for envelope in envelopes:
            self.take(envelope.event)

    def take(self, event: Event) -> None:
        """Fold one event in."""
        match event:
            case StepStarted():
                self._started = event
            case StepEnded():
                self._answered_by = event.model
                failure = event.failure
                if self._started and failure and failure.kind is FailureKind.CONTEXT_OVERFLOW:
                    window = failure.window or 0
                    if window >= _LEAST_WINDOW:
                        self._windows[self._started.provider, self._started.model] = window
            case Intervened(kind=kind) if self._started:
                if kind is Intervention.REASONING_REFILLED:
                    self._refilled.add(self._started.provider)
                self._told.add(self._about(kind, self._started))
            case _:
                pass

    def fitted(self, model: ModelCard) -> ModelCard:
        """`model` with the window that its server named, where that is smaller than the catalog's."""
        window = self._windows.get((model.provider, model.id), model.context_window)
        return model if window >= model.context_window else replace(model, context_window=window)

    def placeholder(self, provider: str) -> str:
        """What stands for missing reasoning in requests to `provider`; empty for what the catalog says."""
        return REFILL if provider in self._refilled else ""

    def was_told(self, kind: Intervention) -> bool:
        """Whether the user heard of `kind` already: once per model and mode, once per model that answered, or once."""
        return self._started is not None and self._about(kind, self._started) in self._told

    def _about(self, kind: Intervention, step: StepStarted) -> tuple[str, ...]:
        match kind:
            case Intervention.MODE_NOT_HONOURED:
                return kind, step.provider, step.model, step.mode
            case Intervention.OTHER_MODEL:
                return kind, step.provider, self._answered_by
            case _:
                return (kind,)
