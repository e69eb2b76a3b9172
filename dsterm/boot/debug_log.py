"""`--debug`: every request and response as it passed over the wire, redacted, in one file of the state folder."""

from __future__ import annotations

import os
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from dsterm.store.disk import disk_error, make_private_folder
from dsterm.store.secrets import redact


class DebugLog:
    """Appends to `path`, readable by the user alone; known `secrets` and what is shaped like one are masked."""

    def __init__(self, path: Path, secrets: Collection[str]) -> None:
        self._path = path
        self._secrets = tuple(secret for secret in secrets if secret)
        make_private_folder(path.parent)

    def write(self, kind: str, data: bytes) -> None:
        """Add one piece of traffic; DiskError when that fails."""
        text = redact(data.decode("utf-8", errors="replace"), self._secrets)
        line = f"--- {datetime.now().astimezone().isoformat(timespec='milliseconds')} {kind}\n{text}\n"
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "a", encoding="utf-8") as file:
                file.write(line)
        except OSError as error:
            raise disk_error("write the debug log", self._path, error) from error
