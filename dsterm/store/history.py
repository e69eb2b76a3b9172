"""The prompts that were sent, for the up arrow and for search: one append-only file for all sessions, secrets masked."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import msgspec

from dsterm.store.disk import FILE_MODE, disk_error, make_private_folder
from dsterm.store.secrets import redact

_MOST_BYTES_READ = 4_000_000


class _Entry(msgspec.Struct, frozen=True):
    prompt: str


class PromptHistory:
    """Earlier prompts, oldest first; the newest `cap` of them are offered. The file is read at the first look."""

    def __init__(self, path: Path, secrets: Collection[str] = (), cap: int = 1000) -> None:
        self._path = path
        self._secrets = secrets
        self._cap = cap
        self._entries: list[str] | None = None

    def entries(self) -> list[str]:
        """The newest prompts, oldest first, without repetition in a row; DiskError when the file can't be read."""
        if self._entries is None:
            self._entries = self._load()
        return list(self._entries)

    def add(self, prompt: str) -> None:
        """Keep `prompt` unless it is blank or the same as the last one; DiskError when the file can't be read or written."""
        prompt = redact(prompt, self._secrets)
        if self._entries is None:
            self._entries = self._load()
        entries = self._entries
        if not prompt.strip() or (entries and entries[-1] == prompt):
            return
        entries.append(prompt)
        del entries[: -self._cap]
        make_private_folder(self._path.parent)
        line = msgspec.json.encode(_Entry(prompt)) + b"\n"
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, FILE_MODE)
            with os.fdopen(descriptor, "ab+", buffering=0) as file:
                if file.tell() and file.seek(-1, os.SEEK_END) >= 0 and file.read(1) != b"\n":
                    line = b"\n" + line  # A crash tore the last line: it must not take this one along.
                file.write(line)
        except OSError as error:
            raise disk_error("write the prompt history", self._path, error) from error

    def _load(self) -> list[str]:
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _MOST_BYTES_READ))
                lines = file.read().split(b"\n")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise disk_error("read the prompt history", self._path, error) from error
        entries: list[str] = []
        for line in lines:
            try:
                prompt = msgspec.json.decode(line, type=_Entry).prompt
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue  # The line was torn by a crash, cut by where reading began, or is the empty one at the end.
            if not entries or entries[-1] != prompt:
                entries.append(prompt)
        return entries[-self._cap :]
