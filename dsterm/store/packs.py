"""Attached repositories as they were sent, kept by the SHA-256 of their text, so that a resumed session sends the same bytes."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import msgspec

from dsterm.core.attachments import PackManifest
from dsterm.core.errors import DiskError
from dsterm.store.disk import disk_error, write_private

_DIGEST = re.compile(r"[0-9a-f]{64}")


class PackFolder:
    """The folder of frozen packs, one file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, text: str) -> str:
        """Keep `text` and return its digest; DiskError when it can't be written."""
        data = text.encode()
        digest = hashlib.sha256(data).hexdigest()
        path = self._path(digest)
        try:
            is_kept = hashlib.sha256(path.read_bytes()).hexdigest() == digest
        except OSError:
            is_kept = False  # Missing or unreadable: writing it decides, and says what is wrong.
        if not is_kept:
            write_private(path, data)
        return digest

    def load(self, digest: str) -> str:
        """The text of `digest`; DiskError when it is missing or not what it was."""
        if not _DIGEST.fullmatch(digest):
            raise DiskError(
                "This session names an attached repository in a way that can't be read; /detach it to go on."
            )
        path = self._path(digest)
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise DiskError(f"The attached repository {path} is gone; /detach it, then attach it again.") from error
        except OSError as error:
            raise disk_error("read the attached repository", path, error) from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise DiskError(f"The attached repository {path} is damaged; /detach it, then attach it again.")
        return data.decode()

    def save_manifest(self, digest: str, manifest: PackManifest) -> None:
        """Keep beside the text of `digest` what stands where in it; DiskError when it can't be written."""
        write_private(self._manifest_path(digest), msgspec.json.encode(manifest))

    def load_manifest(self, digest: str) -> PackManifest:
        """What stands where in the text of `digest`; DiskError when it is missing or damaged."""
        path = self._manifest_path(digest)
        try:
            return msgspec.json.decode(path.read_bytes(), type=PackManifest)
        except OSError as error:
            raise disk_error("read the list of attached files", path, error) from error
        except msgspec.DecodeError as error:
            raise DiskError(f"The list of attached files {path} is damaged; /snapshot attaches them anew.") from error

    def _path(self, digest: str) -> Path:
        return self._folder / f"{digest}.txt"

    def _manifest_path(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise DiskError(
                "This session names an attached repository in a way that can't be read; /detach it to go on."
            )
        return self._folder / f"{digest}.json"
