"""An engine whose providers play scripts of their own: what is sent where."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from scripted import Script, ScriptedProvider, World

from dsterm.core.config import Config
from dsterm.core.models import ProviderCard
from dsterm.core.provider import Ended, Failure, FailureKind, StopReason
from dsterm.engine.engine import Engine

OUTAGE = Failure(kind=FailureKind.SERVER, message="The server is overloaded.", status=503)


def failed(failure: Failure = OUTAGE) -> Script:
    return [Ended(stop=StopReason.FAILED, failure=failure)]


class Exchange:
    """Engines over one world, and the provider of each name."""

    def __init__(self, world: World, **scripts: Sequence[Script]) -> None:
        self.world = world
        self.providers = {name: ScriptedProvider(script) for name, script in scripts.items()}

    def engine(
        self,
        config: Config | None = None,
        *,
        can_ask: bool = True,
        missing_key: Callable[[ProviderCard], str] = lambda _card: "",
    ) -> Engine:
        plain = self.world.engine(ScriptedProvider([]), config, can_ask=can_ask)
        parts = dataclasses.replace(
            plain._parts, connect=lambda card: self.providers[card.name], missing_key=missing_key
        )
        return Engine(parts)

    def sent(self, name: str) -> int:
        """How many requests `name` got."""
        return len(self.providers[name].requests)


def no_key(*names: str) -> Callable[[ProviderCard], str]:
    """There is none for the providers of these names."""
    return lambda card: f"There is no key for {card.title}. Set X." if card.name in names else ""
