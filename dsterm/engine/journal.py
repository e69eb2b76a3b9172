"""Gives every event its place, writes the durable ones to the session's log before they are shown, and keeps them in memory.

When the disk fails in mid-session the conversation goes on in memory and a notice says so: an answer is worth more than its log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from dsterm.core.delta_events import MessageProgress
from dsterm.core.errors import DiskError
from dsterm.core.events import DELTAS, AsideEnded, Envelope, Event, Notice, NoticeLevel, TurnStarted
from dsterm.core.repo_events import RepoAttached
from dsterm.core.services import Clock
from dsterm.core.undo_events import Rewound

_OPENS_LOG = TurnStarted | RepoAttached | AsideEnded
"""What makes a session worth a file: words, a pack, or money spent."""


class Log(Protocol):
    """Where durable envelopes go: a session's file."""

    def append(self, envelope: Envelope, *, durable: bool = True) -> None:
        """Write one line; `durable` waits for the disk."""
        ...

    def close(self) -> None:
        """Give the file back."""
        ...


class Journal:
    """The events of one session, in order.

    `open_log` is called at the first prompt, pack or paid request, so that a session without any leaves no file; None keeps
    nothing on disk. `on_durable` hears every durable envelope after it is written.
    """

    def __init__(
        self,
        session_id: str,
        clock: Clock,
        new_id: Callable[[], str],
        open_log: Callable[[], Log] | None,
        on_durable: Callable[[Envelope], None],
    ) -> None:
        self.session_id = session_id
        self._clock = clock
        self._new_id = new_id
        self._open_log = open_log
        self._on_durable = on_durable
        self._log: Log | None = None
        self._waiting: list[Envelope] = []
        self.envelopes: list[Envelope] = []
        self.problem = ""
        self._index_failed = False

    @property
    def is_saved(self) -> bool:
        """Whether this session is kept on disk."""
        return (self._open_log is not None or self._log is not None) and not self.problem

    def load(self, envelopes: Iterable[Envelope], log: Log) -> None:
        """Take over a session that was read from its file."""
        self.envelopes = list(envelopes)
        self._log = log

    def record(self, event: Event) -> list[Envelope]:
        """Place `event`, write it if it is durable, and return what is to be shown: it, and a notice if the disk failed."""
        seq = self.envelopes[-1].seq if self.envelopes else 0
        if isinstance(event, DELTAS):
            return [Envelope(id="", parent="", seq=seq, at=self._clock.now(), event=event)]
        parent = self._parent(event)
        envelope = Envelope(id=self._new_id(), parent=parent, seq=seq + 1, at=self._clock.now(), event=event)
        self.envelopes.append(envelope)
        troubles = [*self._write(envelope), *self._index(envelope)]
        notices = [Notice(text=text, level=NoticeLevel.WARNING) for text in troubles]
        return [envelope, *(shown for notice in notices for shown in self.record(notice))]

    def close(self) -> None:
        """Close the log."""
        if self._log is not None:
            self._log.close()
            self._log = None

    def _parent(self, event: Event) -> str:
        """What `event` follows: the event before it, unless the conversation goes back to begin a branch."""
        if isinstance(event, Rewound):
            return event.to
        return self.envelopes[-1].id if self.envelopes else ""

    def _write(self, envelope: Envelope) -> list[str]:
        """Write what is to be written; what to tell the user when that has just become impossible."""
        if not self.is_saved:
            return []
        self._waiting.append(envelope)
        if self._log is None and not isinstance(envelope.event, _OPENS_LOG):
            return []
        try:
            if self._log is None and self._open_log is not None:
                self._log = self._open_log()
            for waiting in self._waiting:
                if self._log is not None:
                    self._log.append(waiting, durable=not isinstance(waiting.event, MessageProgress))
            self._waiting.clear()
        except DiskError as error:
            self.problem = str(error)
            return [f"{error} The conversation goes on unsaved."]
        return []

    def _index(self, envelope: Envelope) -> list[str]:
        if self._index_failed or not self.is_saved:
            return []
        try:
            self._on_durable(envelope)
        except DiskError as error:
            self._index_failed = True
            return [f"{error} What requests cost is kept in the session's log all the same."]
        return []
