"""The SQLite index over the session logs: what each request used and cost. Derived, so it may be deleted at any time.

It makes itself again from the logs when it is missing, of another version or corrupt, and at its first question takes in
what it has not seen. Sums are made in Python with Decimal, never in SQL, so they equal the logs to the last digit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from dsterm.core.errors import DiskError
from dsterm.core.events import AsideEnded, Envelope, StepEnded, StepStarted
from dsterm.core.text import valid_text
from dsterm.store.disk import make_private_folder
from dsterm.store.index_tables import connect, create, insert, is_corrupt, prepare, select
from dsterm.store.ledger import Asked, Grouping, StepRow, Totals, sum_by, sum_up
from dsterm.store.sessions import SessionStore

if TYPE_CHECKING:
    import sqlite3

_T = TypeVar("_T")


class Index:
    """The index at `path` over the logs of `store`; opened at the first use, safe to share between threads and programs.

    Every method raises DiskError when the disk refuses. Nothing is lost then: the logs are the truth.
    """

    def __init__(self, path: Path, store: SessionStore) -> None:
        self._path = path
        self._store = store
        self._connection: sqlite3.Connection | None = None
        self._has_caught_up = False
        self._started: dict[tuple[str, str], StepStarted] = {}
        self._guard = threading.Lock()

    def open(self) -> None:
        """Open it ahead of its first use, in any thread; DiskError when that fails."""
        self._use(lambda _connection: None)

    def add(self, session_id: str, folder: Path, envelope: Envelope) -> None:
        """Take in one event as it happens; only those that begin and end a request matter."""
        row = self._row_of(session_id, valid_text(str(folder)), envelope, self._started)
        if row is not None:
            self._use(lambda connection: insert(connection, [row]))

    def steps(self, asked: Asked | None = None) -> list[StepRow]:
        """The requests that `asked` describes (all real ones by default), in the order in which they were made."""
        wanted = asked or Asked()

        def read(connection: sqlite3.Connection) -> list[StepRow]:
            if not self._has_caught_up:
                self._catch_up(connection)
            return select(connection, wanted)

        return self._use(read)

    def totals(self, asked: Asked | None = None) -> Totals:
        """Their sum."""
        return sum_up(self.steps(asked))

    def totals_by(self, grouping: Grouping, asked: Asked | None = None) -> dict[str, Totals]:
        """Their sums by day, folder, model and so on, in the order in which the groups first appear."""
        return sum_by(self.steps(asked), grouping)

    def rebuild(self) -> None:
        """Make the index again from the logs."""

        def make(connection: sqlite3.Connection) -> None:
            connection.execute("BEGIN IMMEDIATE")
            create(connection)
            connection.execute("COMMIT")
            self._catch_up(connection)

        self._use(make)

    def close(self) -> None:
        """Give back the file; a second time does nothing."""
        with self._guard:
            self._disconnect()

    def _use(self, action: Callable[[sqlite3.Connection], _T]) -> _T:
        import sqlite3  # noqa: PLC0415 - start-up must not wait for it

        with self._guard:
            try:
                try:
                    return action(self._connected())
                except (sqlite3.DatabaseError, ValueError, ArithmeticError) as error:
                    self._disconnect()
                    if isinstance(error, sqlite3.Error) and not is_corrupt(error):
                        raise
                    self._delete()
                    return action(self._connected())
            except sqlite3.Error as error:
                self._disconnect()
                advice = "Costs are still in the session logs; delete it and it is made again."
                raise DiskError(f"The index {self._path} can't be used: {error}. {advice}") from error

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            make_private_folder(self._path.parent)
            self._connection = connect(self._path)
            prepare(self._connection)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._has_caught_up = False

    def _delete(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            with suppress(OSError):  # What can't be deleted makes the next attempt fail, which tells.
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def _catch_up(self, connection: sqlite3.Connection) -> None:
        """Read the logs that have grown or appeared since they were last read in full, and forget those that are gone."""
        known = {str(session): int(size) for session, size in connection.execute("SELECT session, size FROM logs")}
        sizes = self._store.sizes()
        for session, size in sizes.items():
            if known.get(session) != size:
                rows = self._rows_of_log(session)
                if rows is None:
                    continue
                connection.execute("BEGIN IMMEDIATE")
                # Rows are added, never taken away: another program may just have booked one that this reading missed.
                insert(connection, rows)
                connection.execute("INSERT OR REPLACE INTO logs VALUES (?, ?)", (session, size))
                connection.execute("COMMIT")
        gone = [(session,) for session in known if session not in sizes]
        connection.executemany("DELETE FROM steps WHERE session = ?", gone)
        connection.executemany("DELETE FROM logs WHERE session = ?", gone)
        self._has_caught_up = True

    def _rows_of_log(self, session: str) -> list[StepRow] | None:
        """The requests in a log; None when it can't be read, so that what is known of it stays and it is tried again."""
        try:
            header, envelopes = self._store.read(session)
        except DiskError:
            return None
        started: dict[tuple[str, str], StepStarted] = {}
        rows = (self._row_of(session, header.folder, envelope, started) for envelope in envelopes)
        return [row for row in rows if row is not None]

    @staticmethod
    def _row_of(
        session: str, folder: str, envelope: Envelope, started: dict[tuple[str, str], StepStarted]
    ) -> StepRow | None:
        """The row of a step that ended; `started` keeps the beginnings, which know the provider and the mode."""
        place = session, envelope.lane
        match envelope.event:
            case StepStarted() as beginning:
                started[place] = beginning
            case StepEnded() as end:
                start = started.pop(place, None)
                source = (start.provider, start.mode.value) if start else ("", "")
                return _row(session, folder, envelope, end, source)
            case AsideEnded() as aside:
                row = _row(session, folder, envelope, aside.ended, (aside.provider, aside.mode.value))
                return msgspec.structs.replace(row, purpose=aside.purpose)
            case _:
                pass
        return None


def _row(session: str, folder: str, envelope: Envelope, end: StepEnded, source: tuple[str, str]) -> StepRow:
    """The row of a request that ended; `source` is the provider and the mode it went to."""
    provider, mode = source
    return StepRow(
        session=session,
        seq=envelope.seq,
        at=envelope.at,
        folder=folder,
        provider=provider,
        model=end.model,
        mode=mode,
        lane=envelope.lane,
        stop=end.stop.value,
        is_demo=end.is_demo,
        usage=end.usage,
        cost=end.cost,
    )
