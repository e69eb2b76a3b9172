"""A record of every request, for those who want to see what a client really sent and what it got."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from dsterm.core.errors import UsageError
from dsterm.core.models import ThinkingMode, Usage

_SECRET_HEADERS = frozenset({"authorization", "cookie", "x-api-key"})


class Visit(msgspec.Struct, kw_only=True):
    """One request and what came of it: one line of the record.

    `at` is when it came, in seconds since 1970; `body` its text; `id` what the answer is called, empty where there was none.
    `status` 0 says that the connection was reset instead. `fault` names what was made to go wrong. `finish_reason` is empty,
    and `is_complete` false, when the client did not get the end of the answer.
    """

    number: int
    at: float
    path: str = ""
    headers: dict[str, str] = {}
    body: str = ""
    id: str = ""
    status: int = 0
    problem: str = ""
    fault: str = ""
    model: str = ""
    mode: ThinkingMode | None = None
    usage: Usage | None = None
    finish_reason: str = ""
    is_complete: bool = False


class Recording:
    """Appends visits to a file, a JSON object a line; without a file it forgets them."""

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def check(self) -> None:
        """Make the file, so that what is wrong with it is found out before anyone comes; UsageError."""
        try:
            self._append(b"")
        except OSError as error:
            raise UsageError(f"{self._file} can't be written ({error.strerror}); name another file.") from error

    def keep(self, visit: Visit) -> None:
        """Write down a visit that is over."""
        self._append(msgspec.json.encode(visit) + b"\n")

    def _append(self, line: bytes) -> None:
        if self._file is None:
            return
        # One write, so that a reader never finds half a line; for nobody else's eyes, as prompts are in it.
        descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)


def shown_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers as they may be kept: of a key, only that there was one."""
    return {name: "***" if name in _SECRET_HEADERS else value for name, value in headers.items()}
