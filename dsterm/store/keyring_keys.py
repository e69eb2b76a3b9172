"""Keys in the keyring of the operating system. The only place that knows the keyring package, which is slow to import.

A keyring may be locked and wait for somebody at a prompt, or not be there at all: it is asked in a thread of its own, and one
that takes too long or fails counts as none. That thread is left behind; it ends with the program.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

_SERVICE = "dsterm"
_PATIENCE = 8.0
_LEAST_PRIORITY = 1
"""What the package recommends; below are stores that are plain files, and those that keep nothing."""

_T = TypeVar("_T")


def read_key(provider: str, seconds: float = _PATIENCE) -> str | None:
    """The key of `provider` in the keyring; None when there is none, no keyring, or no answer within `seconds`."""

    def read() -> str | None:
        import keyring  # noqa: PLC0415 - start-up must not wait for it

        if keyring.get_keyring().priority < _LEAST_PRIORITY:
            return None
        return keyring.get_password(_SERVICE, provider)

    return _answer_of(read, seconds)


def write_key(provider: str, key: str, seconds: float = _PATIENCE) -> bool:
    """Keep `key` in the keyring; whether that is where it can be read again."""

    def write() -> bool:
        import keyring  # noqa: PLC0415 - as above

        if keyring.get_keyring().priority < _LEAST_PRIORITY:
            return False
        keyring.set_password(_SERVICE, provider, key)
        return keyring.get_password(_SERVICE, provider) == key

    return _answer_of(write, seconds) is True


class _Request(threading.Thread):
    """A question to the keyring that is worth waiting for until `deadline`."""

    def __init__(self, target: Callable[[], None], deadline: float) -> None:
        super().__init__(target=target, name="keyring", daemon=True)
        self.deadline = deadline

    def is_answered(self) -> bool:
        """Whether it is over, having waited as long as it is worth it."""
        self.join(max(0.0, self.deadline - time.monotonic()))
        return not self.is_alive()


def _answer_of(question: Callable[[], _T], seconds: float) -> _T | None:
    """What `question` returns, None when it raises or takes longer than `seconds`.

    While an earlier question is stuck, none is asked: the program would wait as long once more for each.
    """
    earlier = [thread for thread in threading.enumerate() if isinstance(thread, _Request) and thread.is_alive()]
    if not all(request.is_answered() for request in earlier):
        return None
    answers: list[_T] = []

    def ask() -> None:
        try:
            answers.append(question())
        except Exception:  # noqa: BLE001 - a backend is somebody else's code and raises what it likes, errors of D-Bus among it
            return

    request = _Request(ask, time.monotonic() + seconds)
    request.start()
    return answers[0] if request.is_answered() and answers else None
