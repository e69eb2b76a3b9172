"""The tables of the index, and its rows as values. Money is kept as decimal text, times as UTC text that sorts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from dsterm.core.models import Cost, Forecast, Usage
from dsterm.core.text import valid_text
from dsterm.store.ledger import Asked, StepRow

if TYPE_CHECKING:
    import sqlite3

_BUSY_SECONDS = 5.0
_VERSION = 4
_COLUMNS = (
    "session, seq, at, folder, provider, model, mode, lane, stop, is_demo, has_usage, is_estimate,"
    " prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, hit, miss, output, purpose, turn,"
    " said_prompt, said_cached, said_dollars, said_low, said_high, is_cache_known, broke, hit_saves"
)
_SCHEMA = (
    "DROP TABLE IF EXISTS steps",
    "DROP TABLE IF EXISTS logs",
    """CREATE TABLE steps (
        session TEXT NOT NULL, seq INTEGER NOT NULL, at TEXT NOT NULL, folder TEXT NOT NULL,
        provider TEXT NOT NULL, model TEXT NOT NULL, mode TEXT NOT NULL, lane TEXT NOT NULL, stop TEXT NOT NULL,
        is_demo INTEGER NOT NULL, has_usage INTEGER NOT NULL, is_estimate INTEGER NOT NULL,
        prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
        cached_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL,
        hit TEXT, miss TEXT, output TEXT, purpose TEXT NOT NULL, turn INTEGER NOT NULL,
        said_prompt INTEGER, said_cached INTEGER, said_dollars TEXT, said_low INTEGER, said_high INTEGER,
        is_cache_known INTEGER NOT NULL, broke TEXT NOT NULL, hit_saves TEXT,
        PRIMARY KEY (session, seq)) WITHOUT ROWID""",
    "CREATE INDEX steps_at ON steps (at)",
    "CREATE TABLE logs (session TEXT PRIMARY KEY, size INTEGER NOT NULL) WITHOUT ROWID",
    f"PRAGMA user_version = {_VERSION}",
)


def connect(path: Path) -> sqlite3.Connection:
    """Open the database, waiting for other programs; sqlite3.Error when it can't be opened."""
    import sqlite3  # noqa: PLC0415 - start-up must not wait for it

    return sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables where they are missing or of another version."""
    if _version(connection) != _VERSION:
        connection.execute("BEGIN IMMEDIATE")
        # Another program may have made them while this one waited.
        if _version(connection) != _VERSION:
            create(connection)
        connection.execute("COMMIT")
    _use_write_ahead_log(connection)
    connection.execute("PRAGMA synchronous = NORMAL")


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    import sqlite3  # noqa: PLC0415 - start-up must not wait for it

    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        # While another program is at it SQLite refuses at once. The older journal is right too, and the next one switches.
        if error.sqlite_errorcode & 0xFF not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise


def is_corrupt(error: sqlite3.DatabaseError) -> bool:
    """Whether the file itself is at fault (damaged, no database, other tables), not the disk or another program."""
    import sqlite3  # noqa: PLC0415 - start-up must not wait for it

    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    return code in {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def create(connection: sqlite3.Connection) -> None:
    """Make empty tables of this version, whatever was there; inside a transaction of the caller's."""
    for statement in _SCHEMA:
        connection.execute(statement)


def insert(connection: sqlite3.Connection, rows: Iterable[StepRow]) -> None:
    """Write rows; one that is there already is replaced."""
    marks = ", ".join("?" * (_COLUMNS.count(",") + 1))
    connection.executemany(
        f"INSERT OR REPLACE INTO steps ({_COLUMNS}) VALUES ({marks})",  # noqa: S608 - constants only
        [_values(row) for row in rows],
    )


def known_logs(connection: sqlite3.Connection) -> dict[str, int]:
    """How large each log was when it was last taken in, in bytes."""
    return {str(session): int(size) for session, size in connection.execute("SELECT session, size FROM logs")}


def insert_log(connection: sqlite3.Connection, session: str, size: int, rows: Iterable[StepRow]) -> None:
    """Take in the rows of a log that was read when it had `size` bytes.

    Rows are added, never taken away: another program may just have booked one that the reading missed.
    """
    connection.execute("BEGIN IMMEDIATE")
    insert(connection, rows)
    connection.execute("INSERT OR REPLACE INTO logs VALUES (?, ?)", (session, size))
    connection.execute("COMMIT")


def _values(row: StepRow) -> tuple[str | int | None, ...]:
    usage = row.usage or Usage()
    parts = (None, None, None) if row.cost is None else (str(row.cost.hit), str(row.cost.miss), str(row.cost.output))
    return (
        row.session,
        row.seq,
        _moment(row.at),
        row.folder,
        row.provider,
        row.model,
        row.mode,
        row.lane,
        row.stop,
        row.is_demo,
        row.usage is not None,
        usage.is_estimate,
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.cached_tokens,
        usage.reasoning_tokens,
        *parts,
        row.purpose,
        row.turn,
        *_said(row.forecast),
        usage.is_cache_known,
        row.broke,
        None if row.hit_saves is None else str(row.hit_saves),
    )


def _said(forecast: Forecast | None) -> tuple[str | int | None, ...]:
    """What a forecast said; what the whole would cost can be told from it and is not kept."""
    if forecast is None:
        return (None,) * 5
    dollars = None if forecast.dollars is None else str(forecast.dollars)
    return (forecast.prompt_tokens, forecast.cached_tokens, dollars, forecast.output_low, forecast.output_high)


def select(connection: sqlite3.Connection, asked: Asked) -> list[StepRow]:
    """The rows that `asked` describes, by time."""
    conditions: dict[str, str | int | None] = {
        "session = ?": asked.session,
        "folder = ?": None if asked.folder is None else valid_text(str(asked.folder)),
        "at >= ?": None if asked.since is None else _moment(asked.since),
        "at < ?": None if asked.before is None else _moment(asked.before),
        "is_demo = ?": None if asked.with_demo else 0,
    }
    used = {condition: value for condition, value in conditions.items() if value is not None}
    where = " AND ".join(used) or "1"
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM steps WHERE {where} ORDER BY at DESC, session DESC, seq DESC LIMIT ?",  # noqa: S608
        (*used.values(), -1 if asked.newest is None else asked.newest),
    )
    return [_row(values) for values in rows][::-1]


def _row(values: tuple[str, ...]) -> StepRow:
    session, seq, at, folder, provider, model, mode, lane, stop, is_demo, has_usage, is_estimate, *figures = values
    prompt, completion, cached, reasoning, hit, miss, output, purpose, turn, *said, knows_cache, broke, hit_saves = (
        figures
    )
    usage = Usage(
        prompt_tokens=int(prompt),
        completion_tokens=int(completion),
        cached_tokens=int(cached),
        reasoning_tokens=int(reasoning),
        is_estimate=bool(is_estimate),
        is_cache_known=bool(knows_cache),
    )
    return StepRow(
        session=session,
        seq=int(seq),
        at=datetime.fromisoformat(at),
        folder=folder,
        provider=provider,
        model=model,
        mode=mode,
        lane=lane,
        stop=stop,
        is_demo=bool(is_demo),
        usage=usage if has_usage else None,
        cost=None if hit is None else Cost(hit=Decimal(hit), miss=Decimal(miss), output=Decimal(output)),
        purpose=purpose,
        turn=int(turn),
        forecast=_forecast(*said),
        broke=broke,
        hit_saves=None if hit_saves is None else Decimal(hit_saves),
    )


def _forecast(prompt: str | None, cached: str, dollars: str | None, low: str, high: str) -> Forecast | None:
    if prompt is None:
        return None
    return Forecast(
        prompt_tokens=int(prompt),
        cached_tokens=int(cached),
        dollars=None if dollars is None else Decimal(dollars),
        output_low=int(low),
        output_high=int(high),
    )


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
