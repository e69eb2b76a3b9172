"""Providers as they are connected: one client each, made when it is first needed, with the key that belongs to it."""

from __future__ import annotations

from dsterm.boot.debug_log import DebugLog
from dsterm.boot.known_keys import KnownKeys
from dsterm.boot.plan import LaunchPlan
from dsterm.core.errors import UsageError
from dsterm.core.models import ProviderCard
from dsterm.llm.openai_chat import OpenAIChat
from dsterm.store.secrets import find_key


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
            self._keys.add(key)
            debug = DebugLog(self._plan.paths.logs / "requests.log", (key,)) if self._plan.config.debug else None
            self._chats[card.name] = OpenAIChat(card, key, debug=debug.write if debug else None)
        return self._chats[card.name]

    def warm(self, card: ProviderCard) -> None:
        """Load what a request needs; blocks for half a second, so call it in a thread."""
        self.connect(card).warm()


def require_key(plan: LaunchPlan, card: ProviderCard) -> str:
    """The key for `card`, empty where none is needed; UsageError says where one comes from."""
    key = find_key(card, plan.environment, plan.paths)
    if key is None and card.needs_key:
        variable = card.key_variables[0] if card.key_variables else "DSTERM_API_KEY"
        page = f" (keys: {card.key_page})" if card.key_page else ""
        raise UsageError(
            f"There is no key for {card.title}. Set {variable}{page}, or look round without one: dsterm --demo."
        )
    return key or ""
