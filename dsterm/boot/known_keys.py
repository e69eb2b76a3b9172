"""The API keys that this run has seen, so that they can be masked wherever text leaves it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from dsterm.store.masking import find_secrets, redact
from dsterm.store.paths import Paths
from dsterm.store.secrets import known_keys


class KnownKeys(Collection[str]):
    """Keys from the environment and from files, and those found for a provider later on; never shown."""

    def __init__(self) -> None:
        self._keys: set[str] = set()

    def learn(self, environment: Mapping[str, str], paths: Paths) -> None:
        """Mask what variables and key files hold."""
        self._keys |= known_keys(environment, paths)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._keys))

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: str) -> None:
        """Mask this one too."""
        if key:
            self._keys.add(key)

    def redact(self, text: str) -> str:
        """`text` with every key, and everything shaped like one, masked."""
        return redact(text, self._keys)

    def find(self, text: str) -> tuple[str, ...]:
        """What in `text` is a key or is shaped like one, in words that don't show it."""
        return find_secrets(text, self._keys)
