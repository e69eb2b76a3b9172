"""API keys: where they are looked for, how they are kept, and how they are kept out of everything else."""

from __future__ import annotations

import re
import shlex
import stat
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from dsterm.core.errors import SettingsError, UsageError
from dsterm.core.models import ProviderCard
from dsterm.store.disk import disk_error, write_private
from dsterm.store.paths import Paths

MASK = "[redacted]"

_KEY = re.compile(r"[!-~]{4,4096}")
_SHORTEST_SECRET = 6
_OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_PROVIDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")

_TOKEN_SHAPES = re.compile(
    r"(?P<keep>\bbearer\s+)[A-Za-z0-9._~+/=-]{8,}"
    r"|(?<![A-Za-z0-9])(?:sk|rk|pk)[-_][A-Za-z0-9_-]{12,}"
    r"|\bgh[pousr]_[A-Za-z0-9]{16,}"
    r"|\bgithub_pat_[A-Za-z0-9_]{16,}"
    r"|\bglpat-[A-Za-z0-9_-]{16,}"
    r"|\bxox[abeprs]-[A-Za-z0-9-]{10,}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\bAIza[A-Za-z0-9_-]{30,}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[A-Za-z0-9+/=\s]*(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?",
    re.IGNORECASE,
)


def find_key(card: ProviderCard, environment: Mapping[str, str], paths: Paths) -> str | None:
    """The key for `card`: from DSTERM_API_KEY, else the provider's own variables, else the key file; None when there is none.

    UsageError for a key that can't be one (it is never printed), SettingsError for a key file that others may read.
    """
    if card.is_demo:
        return None
    for variable in ("DSTERM_API_KEY", *card.key_variables):
        if key := environment.get(variable, ""):
            return check_key(key, f"The key in {variable}")
    return _key_from_file(_key_file(paths, card.name))


def save_key(card: ProviderCard, key: str, paths: Paths) -> Path:
    """Keep `key` in a file that the user alone can read, and return its place; UsageError or DiskError."""
    path = _key_file(paths, card.name)
    write_private(path, check_key(key.strip(), "That key").encode() + b"\n")
    return path


def check_key(key: str, what: str) -> str:
    """`key` itself when it can be one; else UsageError, which begins with `what` and never shows the key."""
    if _KEY.fullmatch(key):
        return key
    if len(key) < 4:
        trouble = "is too short to be a key"
    elif any(character.isspace() for character in key):
        trouble = "has a space or a line break in it"
    elif any(not character.isascii() for character in key):
        trouble = "has a character that no key has"
    else:
        trouble = "has a control character in it, or is far too long"
    raise UsageError(f"{what} {trouble}; copy it again from the provider's page.")


def redact(text: str, secrets: Collection[str]) -> str:
    """`text` with every known secret, and everything shaped like a key or token, masked."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, MASK)
    return _TOKEN_SHAPES.sub(lambda match: f"{match['keep'] or ''}{MASK}", text)


def _key_file(paths: Paths, provider: str) -> Path:
    if not _PROVIDER.fullmatch(provider):
        raise SettingsError(
            f"The provider name {provider!r} can't be used; letters, digits, `-`, `_` and `.` are allowed."
        )
    return paths.key_file(provider)


def _key_from_file(path: Path) -> str | None:
    try:
        mode = path.stat().st_mode
        if sys.platform != "win32" and mode & _OPEN_TO_OTHERS:
            raise SettingsError(f"Other users may read the key file {path}; run: chmod 600 {shlex.quote(str(path))}")
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise SettingsError(f"The key file {path} is not text; write the key into it again.") from error
    except OSError as error:
        raise disk_error("read the key file", path, error) from error
    return check_key(text.rstrip("\r\n"), f"The key in {path}")
