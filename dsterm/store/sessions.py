"""The folder of session logs: make one, find one, list them. The logs are the truth; nothing else says what was said."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from dsterm.core.errors import DiskError, UsageError
from dsterm.core.events import Envelope, TurnStarted
from dsterm.core.text import valid_text
from dsterm.store.disk import disk_error
from dsterm.store.log_format import Header, read_envelope, read_header
from dsterm.store.session_log import SessionLog, create_log, open_log, read_log, substitute_header

if TYPE_CHECKING:
    from random import Random

_SUFFIX = ".jsonl"
_EDGE = 65_536
_CHUNK = 1_048_576
_TITLE_LENGTH = 80
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]*")
_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
# In a log this can only be the start of an event: inside a string its quotes would be escaped.
_TURN_MARK = b'"event":{"type":"TurnStarted"'


class SessionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A session as a list shows it; `at` is the time of its last event, `turns` the prompts in it."""

    id: str
    title: str
    at: datetime
    turns: int
    folder: str


class _Stamp(msgspec.Struct, frozen=True):
    at: datetime


def new_session_id(at: datetime, random: Random) -> str:
    """A session id that sorts by time, to the millisecond, and is not guessed twice: `20261122-142530-k3f9x2`, in UTC."""
    milliseconds = divmod(at.microsecond // 1000, len(_LETTERS))
    chance = (random.randrange(len(_LETTERS)) for _ in range(4))
    tail = "".join(_LETTERS[place] for place in (*milliseconds, *chance))
    return f"{at.astimezone(UTC):%Y%m%d-%H%M%S}-{tail}"


class SessionStore:
    """All sessions of this user, one file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create(self, folder: Path, id: str, at: datetime) -> SessionLog:  # noqa: A002 - the field's word for it
        """A new session begun in `folder` at `at`; DiskError when its log can't be made."""
        return create_log(self._path(id), folder, at)

    def open(self, id: str) -> SessionLog:  # noqa: A002 - as above
        """The session with this id, or the only one whose id begins so.

        UsageError when there is none, when there are several, or when it is open elsewhere; DiskError when it can't be read.
        """
        return open_log(self._path(self.find(id)))

    def find(self, prefix: str) -> str:
        """The id that is `prefix` or the only one that begins with it; UsageError says what to do otherwise."""
        ids = self.ids()
        if prefix in ids:
            return prefix
        found = [id_ for id_ in ids if prefix and id_.startswith(prefix)]
        if len(found) == 1:
            return found[0]
        if not found:
            raise UsageError(f"No session has the id {prefix[:60]!r}; /resume in the screen lists what --resume takes.")
        some = ", ".join(found[-3:])
        raise UsageError(f"{len(found)} sessions begin with {prefix!r} (the last ones: {some}); write more of the id.")

    def ids(self) -> list[str]:
        """The ids of all sessions, oldest first; DiskError when the folder can't be read."""
        try:
            names = [entry.name for entry in self._folder.iterdir()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise disk_error("read the folder of sessions", self._folder, error) from error
        ids = (name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))
        return sorted(id_ for id_ in ids if _ID.fullmatch(id_))

    def sizes(self) -> dict[str, int]:
        """The bytes of every log by session id."""
        return {id_: size for id_ in self.ids() if (size := self._size(id_)) is not None}

    def read(self, id: str) -> tuple[Header, list[Envelope]]:  # noqa: A002 - as above
        """Header and events of a session that may be open elsewhere; DiskError when it can't be read."""
        return read_log(self._path(id))

    def latest(self, folder: Path) -> str | None:
        """The session of `folder` that was used last and has a prompt in it; None when there is none."""
        for edge in sorted(self._edges(folder), key=_Edge.order, reverse=True):
            if edge.title or _count(edge.path, _TURN_MARK):
                return edge.header.id
        return None

    def list(self, folder: Path | None = None) -> list[SessionSummary]:
        """The sessions with a prompt in them, of `folder` or all, the last used first; unreadable files are left out."""
        summaries = []
        for edge in sorted(self._edges(folder), key=_Edge.order, reverse=True):
            turns = _count(edge.path, _TURN_MARK)
            if turns:
                summary = SessionSummary(
                    id=edge.header.id, title=edge.title, at=edge.at, turns=turns, folder=edge.header.folder
                )
                summaries.append(summary)
        return summaries

    def _edges(self, folder: Path | None) -> Iterable[_Edge]:
        for id_ in self.ids():
            edge = _read_edge(self._path(id_))
            if edge is not None and (folder is None or edge.header.folder == valid_text(str(folder))):
                yield edge

    def _size(self, id_: str) -> int | None:
        try:
            return self._path(id_).stat().st_size
        except OSError:
            return None  # Deleted since the folder was listed.

    def _path(self, id_: str) -> Path:
        if not _ID.fullmatch(id_):
            raise UsageError(
                "A session id has only letters, digits, `-` and `_`; /resume in the screen lists what --resume takes."
            )
        return self._folder / f"{id_}{_SUFFIX}"


class _Edge(msgspec.Struct, frozen=True, kw_only=True):
    """What the beginning and the end of a log tell."""

    path: Path
    header: Header
    title: str
    at: datetime

    def order(self) -> tuple[datetime, str]:
        return self.at, self.header.id


def _read_edge(path: Path) -> _Edge | None:
    """The edges of a log without reading all of it; None when it can't be read, as one bad file must not hide the others."""
    try:
        with path.open("rb") as file:
            head = file.read(_EDGE)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _EDGE))
            tail = file.read(_EDGE)
        lines = head.split(b"\n")
        header = read_header(lines[0]) or substitute_header(path)
        at = next((at for line in reversed(tail.split(b"\n")) if (at := _time_of(line))), None)
        modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except (OSError, DiskError):
        return None
    title = next((title for line in lines[1:] if (title := _title_in(line))), "")
    # An id that differs from the file's name (a renamed copy) could not be opened again.
    named = msgspec.structs.replace(header, id=path.stem)
    return _Edge(path=path, header=named, title=title, at=at or (modified if size > _EDGE else header.created))


def _time_of(line: bytes) -> datetime | None:
    try:
        return msgspec.json.decode(line, type=_Stamp).at
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _title_in(line: bytes) -> str:
    """The first line of the prompt in `line`, if it is one that begins a turn."""
    if _TURN_MARK not in line:
        return ""
    envelope = read_envelope(line)
    if envelope is None or not isinstance(envelope.event, TurnStarted):
        return ""
    text = "".join(character if character.isprintable() else " " for character in envelope.event.prompt)
    words = " ".join(text.split())
    return words if len(words) <= _TITLE_LENGTH else f"{words[: _TITLE_LENGTH - 1]}…"


def _count(path: Path, mark: bytes) -> int:
    """How often `mark` occurs in a file, without holding all of it; 0 when it can't be read."""
    found, kept = 0, b""
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                window = kept + chunk
                found += window.count(mark)
                kept = window[-(len(mark) - 1) :]
    except OSError:
        return 0
    return found
