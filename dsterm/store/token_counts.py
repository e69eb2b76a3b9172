"""Counted tokens in SQLite, by tokenizer and by git's name of the bytes: for all repositories, branches and running dsterms.

It is a cache: damaged or of another version it is thrown away and made anew, and a disk that refuses costs only time.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dsterm.core.attachments import BlobCount
from dsterm.core.errors import DiskError
from dsterm.store.disk import make_private_folder
from dsterm.store.index_tables import is_corrupt

if TYPE_CHECKING:
    import sqlite3

_T = TypeVar("_T")

_VERSION = 1
_BUSY_SECONDS = 2.0
_SCAN_FACTOR = 2.5
"""Reading all rows is quicker than looking so many times fewer of them up one by one."""
_MOST_ROWS = 3_000_000
"""Some 200 MB; beyond it all are forgotten, which costs a count."""

_SCHEMA = (
    "DROP TABLE IF EXISTS counts",
    "DROP TABLE IF EXISTS sets",
    "CREATE TABLE sets (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, rows INTEGER NOT NULL)",
    """CREATE TABLE counts (
        "set" INTEGER NOT NULL, blob TEXT NOT NULL, tokens INTEGER NOT NULL, size INTEGER NOT NULL, reason TEXT NOT NULL,
        PRIMARY KEY ("set", blob)) WITHOUT ROWID""",
    f"PRAGMA user_version = {_VERSION}",
)
_ALL_TEXTS = "SELECT blob, tokens, size FROM counts WHERE \"set\" = ? AND reason = ''"
"""A row costs by its columns, and hardly one has a reason."""
_ALL_OTHERS = "SELECT blob, tokens, size, reason FROM counts WHERE \"set\" = ? AND reason <> ''"
_SOME = """SELECT blob, tokens, size, reason FROM json_each(?) AS wanted
    CROSS JOIN counts ON "set" = ? AND blob = wanted.value"""


class TokenCounts:
    """The counts in the file `path`, None for as long as the program runs; opened at the first use, safe to share by threads.

    A count belongs to a `tokenizer` and a `kind`: what was counted of the bytes of that name. All methods block for some
    milliseconds and raise nothing for the disk's sake: what can't be read is not known, what can't be written is forgotten.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._guard = threading.Lock()

    def load(self, tokenizer: str, blobs: Collection[str] | None = None, kind: str = "") -> Mapping[str, BlobCount]:
        """What is known of `blobs`, maybe with others; of all when None."""

        def read(connection: sqlite3.Connection) -> dict[str, BlobCount]:
            found = connection.execute(
                "SELECT id, rows FROM sets WHERE name = ?", (_set_name(tokenizer, kind),)
            ).fetchone()
            if found is None:
                return {}
            number, rows = found
            counts: dict[str, BlobCount] = {}
            if blobs is None or rows <= _SCAN_FACTOR * len(blobs):
                texts = connection.execute(_ALL_TEXTS, (number,))
                counts = {blob: BlobCount(tokens, size) for blob, tokens, size in texts}
                cursor = connection.execute(_ALL_OTHERS, (number,))
            else:
                cursor = connection.execute(_SOME, (json.dumps(list(blobs)), number))
            counts |= {blob: BlobCount(tokens, size, reason) for blob, tokens, size, reason in cursor}
            return counts

        return self._use(read) or {}

    def save(self, tokenizer: str, counts: Mapping[str, BlobCount], kind: str = "") -> None:
        """Keep them; those that are there already stay."""
        if not counts:
            return

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("BEGIN IMMEDIATE")
            if connection.execute("SELECT total(rows) FROM sets").fetchone()[0] > _MOST_ROWS:
                _create(connection)
            connection.execute("INSERT OR IGNORE INTO sets (name, rows) VALUES (?, 0)", (_set_name(tokenizer, kind),))
            (number,) = connection.execute(
                "SELECT id FROM sets WHERE name = ?", (_set_name(tokenizer, kind),)
            ).fetchone()
            rows = connection.executemany(
                "INSERT OR IGNORE INTO counts VALUES (?, ?, ?, ?, ?)",
                [(number, blob, one.tokens, one.size, one.reason) for blob, one in sorted(counts.items())],
            ).rowcount
            connection.execute("UPDATE sets SET rows = rows + ? WHERE id = ?", (rows, number))
            connection.execute("COMMIT")

        self._use(write)

    def close(self) -> None:
        """Give back the file; a second time does nothing."""
        with self._guard:
            self._disconnect()

    def _use(self, action: Callable[[sqlite3.Connection], _T]) -> _T | None:
        """What `action` gives; None where the disk refuses, or another program holds the file too long."""
        import sqlite3  # noqa: PLC0415 - start-up must not wait for it

        with self._guard:
            try:
                try:
                    return action(self._connected())
                except sqlite3.DatabaseError as error:
                    self._disconnect()
                    if not is_corrupt(error):
                        raise
                    self._delete()
                    return action(self._connected())
            except (sqlite3.Error, DiskError):
                # It is a cache, so the counts are made again.
                self._disconnect()
                return None

    def _connected(self) -> sqlite3.Connection:
        import sqlite3  # noqa: PLC0415 - start-up must not wait for it

        if self._connection is None:
            if self._path is not None:
                make_private_folder(self._path.parent)
            name = self._path or ":memory:"
            self._connection = sqlite3.connect(
                name, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            _prepare(self._connection)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _delete(self) -> None:
        path = self._path
        if path is None:
            return
        for suffix in ("", "-wal", "-shm"):
            with suppress(OSError):  # What can't be deleted makes the next attempt fail, too.
                path.with_name(path.name + suffix).unlink(missing_ok=True)


def _set_name(tokenizer: str, kind: str) -> str:
    return f"{tokenizer} {kind}"


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the tables where they are missing or of another version."""
    if _version(connection) == _VERSION:
        connection.execute("PRAGMA synchronous = NORMAL")
        return
    import sqlite3  # noqa: PLC0415 - start-up must not wait for it

    # Another program may be at it, too; the older journal is right as well.
    with suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("BEGIN IMMEDIATE")
    if _version(connection) != _VERSION:
        _create(connection)
    connection.execute("COMMIT")


def _create(connection: sqlite3.Connection) -> None:
    for statement in _SCHEMA:
        connection.execute(statement)


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
