"""The SQLite index over the session logs: what each request used and cost. Derived, so it may be deleted at any time.

It makes itself again from the logs when it is missing, of another version or corrupt, and at its first question takes in
what it has not seen. Sums are made in Python with Decimal, never in SQL, so they equal the logs to the last digit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dsterm.core.errors import DiskError
from dsterm.core.events import Envelope
from dsterm.core.text import valid_text
from dsterm.store.disk import make_private_folder
from dsterm.store.index_rows import IndexRows
from dsterm.store.index_tables import (
    connect,
    create,
    insert,
    insert_log,
    is_corrupt,
    known_logs,
    prepare,
    select,
)
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
        self._made = IndexRows()
        self._guard = threading.Lock()

    def open(self) -> None:
        """Open it ahead of its first use, in any thread; DiskError when that fails."""
        self._use(lambda _connection: None)

    def add(self, session_id: str, folder: Path, envelope: Envelope) -> None:
        """Take in one event as it happens; only those that begin and end a request matter."""
        row = self._made.take(session_id, valid_text(str(folder)), envelope)
        if row is not None:
            self._use(lambda connection: insert(connection, [row]))

    def recent(self, most: int) -> list[StepRow]:
        """The last so many requests as far as they are known, the demo's too: it waits for no log to be read."""
        return self._use(lambda connection: select(connection, Asked(with_demo=True, newest=most)))

    def catch_up(self) -> None:
        """Take in what logs hold and the index does not, a log at a time, so that nobody waits for all of them; in a thread."""
        known = self._use(known_logs)
        for session, size in self._store.sizes().items():
            rows = self._rows_of_log(session) if known.get(session) != size else None
            if rows is not None:
                self._use(partial(insert_log, session=session, size=size, rows=rows))
        self.totals(Asked(newest=1))

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
        known = known_logs(connection)
        sizes = self._store.sizes()
        for session, size in sizes.items():
            if known.get(session) != size:
                rows = self._rows_of_log(session)
                if rows is None:
                    continue
                insert_log(connection, session, size, rows)
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
        made = IndexRows()
        rows = (made.take(session, header.folder, envelope) for envelope in envelopes)
        return [row for row in rows if row is not None]
