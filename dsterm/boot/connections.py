"""Providers as they are connected: one client each, made when it is first needed, with the key that belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dsterm.boot.debug_log import DebugLog
from dsterm.boot.known_keys import KnownKeys
from dsterm.boot.plan import LaunchPlan
from dsterm.core.errors import DstermError, UsageError
from dsterm.core.models import ProviderCard
from dsterm.store.secrets import find_key

if TYPE_CHECKING:
    from dsterm.llm.certificates import Certificates
    from dsterm.llm.openai_chat import Debug, OpenAIChat
    from dsterm.llm.timeouts import Timeouts

_BEHIND_THE_WATCHDOG = 60.0
_ANY_KEY = "DSTERM_API_KEY"


class Connections:
    """The clients of this run, by provider."""

    def __init__(self, plan: LaunchPlan, keys: KnownKeys) -> None:
        self._plan = plan
        self._keys = keys
        self._chats: dict[str, OpenAIChat] = {}

    def connect(self, card: ProviderCard) -> OpenAIChat:
        """The client for `card`; UsageError when it needs a key and there is none."""
        if card.name not in self._chats:
            key = require_key(self._plan, card)
            debug = DebugLog(self._plan.paths.logs / "requests.log", (key,)) if self._plan.config.debug else None
            self._chats[card.name] = self.open(card, debug.write if debug else None)
        return self._chats[card.name]

    def open(self, card: ProviderCard, debug: Debug | None) -> OpenAIChat:
        """A client for `card` that tells `debug` what passes and belongs to the caller; UsageError as from `connect`."""
        from dsterm.llm.openai_chat import OpenAIChat

        key = require_key(self._plan, card)
        self._keys.add(key)
        return OpenAIChat(
            card, key, debug=debug, timeouts=_timeouts(self._plan), certificates=_certificates(self._plan)
        )

    def warm(self, card: ProviderCard) -> None:
        """Load what a request needs; blocks for half a second, so call it in a thread."""
        self.connect(card).warm()


def _timeouts(plan: LaunchPlan) -> Timeouts:
    """Those of the client come a minute after the engine's own watchdog, whose words are better."""
    from dsterm.llm.timeouts import Timeouts

    return Timeouts(silence=max(Timeouts().silence, plan.config.idle_timeout + _BEHIND_THE_WATCHDOG))


def _certificates(plan: LaunchPlan) -> Certificates:
    from dsterm.llm.certificates import Certificates

    environment = plan.environment
    return Certificates(
        extra=plan.config.ca_file,
        file=environment.get("SSL_CERT_FILE", ""),
        folder=environment.get("SSL_CERT_DIR", ""),
    )


def require_key(plan: LaunchPlan, card: ProviderCard) -> str:
    """The key for `card`, empty where none is needed; UsageError says where one comes from."""
    key = find_key(card, _environment_for(plan, card), plan.paths)
    if key is None and card.needs_key:
        page = f" (keys: {card.key_page})" if card.key_page else ""
        if card.name != plan.config.provider:
            raise UsageError(f"There is no key for {card.title}. {_way_to_key(card)}{page}.")
        variable = card.key_variables[0] if card.key_variables else _ANY_KEY
        raise UsageError(
            f"There is no key for {card.title}. Set {variable}{page}, or look round without one: dsterm --demo."
        )
    return key or ""


def missing_key(plan: LaunchPlan, card: ProviderCard) -> str:
    """Why there is no usable key for `card`, empty where there is one or none is needed; asks a keyring, so it may block."""
    try:
        require_key(plan, card)
    except DstermError as error:
        return str(error)
    return ""


def _environment_for(plan: LaunchPlan, card: ProviderCard) -> Mapping[str, str]:
    """The variables that may hold the key of `card`: the one for any provider is about the provider chosen at the start."""
    if card.name == plan.config.provider:
        return plan.environment
    return {name: value for name, value in plan.environment.items() if name != _ANY_KEY}


def _way_to_key(card: ProviderCard) -> str:
    if card.key_variables:
        return f"Set {card.key_variables[0]} and start dsterm again"
    return f"Start dsterm with --provider {card.name} and {_ANY_KEY}"
