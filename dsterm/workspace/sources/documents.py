"""Documents: files that hold text in a form of their own. Their text is taken out in another process, within limits.

What reads them is an extra, so it may be missing; text that was taken out is remembered while there is room.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import msgspec

from dsterm.core.attachments import DocumentText, ReadFile
from dsterm.core.errors import WorkspaceError
from dsterm.core.left_out_reasons import UNREADABLE
from dsterm.workspace.process import Launch, run_program

DOCUMENT = "document (its text is taken when it is ticked or named)"
EXTRA = "pip install 'dsterm[documents]'"
_RULES = 1
"""Counts the ways in which dsterm itself makes lines of what a library finds."""

_FORMS = {".pdf": "pdf", ".docx": "docx", ".html": "html", ".htm": "html", ".xhtml": "html"}
_ENDINGS = tuple(_FORMS)
_LONGEST_ENDING = max(map(len, _ENDINGS))
LAST_LETTERS = "".join({letter for ending in _ENDINGS for letter in (ending[-1], ending[-1].upper())})
"""With which the names of documents end: nearly all others are known by that, without a call."""
_LIBRARIES = {"pdf": "pypdf", "docx": "mammoth"}
_READER = ("-P", "-W", "ignore", "-m", "dsterm.workspace.sources.document_reader")
_PATIENCE = 150.0
"""Seconds for one document; on a busy machine more than what it may compute."""

_MOST_BYTES_A_CHARACTER = 6
_MOST_KEPT = 32_000_000
"""Characters of texts that are remembered."""

_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH")


def is_document(path: str) -> bool:
    """Whether a file of this name may be one."""
    return path[-_LONGEST_ENDING:].casefold().endswith(_ENDINGS)


def is_packed_document(path: str) -> bool:
    """Whether it is one that can't be read as text in any other way."""
    return form_of(path) in _LIBRARIES


def form_of(path: str) -> str:
    """`pdf`, `docx` or `html`, by the name alone; empty for what is no document."""
    return _FORMS.get(f".{path.rpartition('.')[2].casefold()}", "") if is_document(path) else ""


@lru_cache
def reader_of(form: str) -> str:
    """What reads such documents, with its version, for the same text comes of the same reader; empty where it is missing."""
    library = _LIBRARIES.get(form)
    if library is None:
        return f"dsterm html {_RULES}"
    if find_spec(library) is None:
        return ""
    from importlib.metadata import version  # noqa: PLC0415  only where there are documents

    return f"{library} {version(library)}, rules {_RULES}"


def missing_reason(form: str) -> str:
    """Why such documents can't be read where their reader is missing."""
    return f"{UNREADABLE}: reading {form.upper()} takes {EXTRA}"


class Documents:
    """Takes the text out of documents, a few at a time."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], DocumentText] = {}
        self._room = asyncio.Semaphore(max(1, min(4, os.cpu_count() or 1)))

    async def text(self, name: str, data: bytes) -> DocumentText | None:
        """The text of the document called `name`, or why it has none; None where that is no document's name.

        Cancelling ends the process that reads.
        """
        form = form_of(name)
        if not form:
            return None
        if not reader_of(form):
            return DocumentText(reason=missing_reason(form), is_lasting=False)
        key = (form, hashlib.sha256(data).hexdigest())
        if (known := self._known.get(key)) is not None:
            return known
        async with self._room:
            found = await _extracted(form, data)
        self._keep(key, found)
        return found

    async def texts(self, documents: Mapping[str, str], batch: Sequence[ReadFile]) -> dict[str, DocumentText]:
        """The same by path for those files of `batch` that are among `documents` and could be read."""
        wanted = [(one.file.path, one.data) for one in batch if one.data is not None and one.file.path in documents]
        async with asyncio.TaskGroup() as group:
            tasks = {path: group.create_task(self.text(path, data)) for path, data in wanted}
        return {path: found for path, task in tasks.items() if (found := task.result()) is not None}

    def _keep(self, key: tuple[str, str], found: DocumentText) -> None:
        if found.reason and not found.is_lasting:
            return
        self._known[key] = found
        while len(self._known) > 1 and sum(len(one.text) for one in self._known.values()) > _MOST_KEPT:
            del self._known[next(iter(self._known))]


async def _extracted(form: str, data: bytes) -> DocumentText:
    """What the process that reads it says, which is believed in nothing but its being text."""
    from dsterm.workspace.sources.document_reader import (  # noqa: PLC0415  only where there are documents
        CPU_SECONDS,
        MOST_CHARACTERS,
        Extract,
    )

    if not data:
        return _without("it is empty")
    launch = Launch(
        program=Path(sys.executable),
        arguments=(*_READER, form),
        folder=Path("/"),
        environment={name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        | {"PYTHONHASHSEED": "0"},
        timeout=_PATIENCE,
        cap=MOST_CHARACTERS * _MOST_BYTES_A_CHARACTER,
        stdin=data,
    )
    try:
        done = await run_program(launch)
    except WorkspaceError:
        return _without("reading it takes too long or can't be started", is_lasting=False)
    if done.exit_code in {-signal.SIGXCPU, -signal.SIGKILL}:
        return _without(f"reading it takes more than {CPU_SECONDS} seconds", is_lasting=False)
    try:
        found = msgspec.json.decode(done.stdout, type=Extract)
    except msgspec.DecodeError:
        return _without("reading it broke down", is_lasting=False)
    if found.reason:
        return _without(found.reason, is_lasting=found.is_lasting)
    return DocumentText(text=found.text)


def _without(reason: str, *, is_lasting: bool = True) -> DocumentText:
    return DocumentText(reason=f"{UNREADABLE}: {reason}", is_lasting=is_lasting)
