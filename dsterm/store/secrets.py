"""API keys: where they are looked for, how they are kept, and which are known and so kept out of everything else."""

from __future__ import annotations

import re
import shlex
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

from dsterm.core.errors import DstermError, SettingsError, UsageError
from dsterm.core.models import ProviderCard
from dsterm.store.disk import disk_error, write_private
from dsterm.store.keyring_keys import read_key, write_key
from dsterm.store.masking import MASK, find_secrets, redact
from dsterm.store.paths import Paths
from dsterm.store.randomness import is_word

__all__ = ["MASK", "check_key", "find_key", "find_secrets", "known_keys", "redact", "save_key"]

_KEY = re.compile(r"[!-~]{4,4096}")
_OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_PROVIDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_SECRET_VARIABLE = re.compile(
    r"(?:^|_)(?:API_?KEY|ACCESS_KEY|SECRET_KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|PAT)$", re.IGNORECASE
)
_SHORTEST_KNOWN = 8


def find_key(card: ProviderCard, environment: Mapping[str, str], paths: Paths) -> str | None:
    """The key for `card`: from DSTERM_API_KEY, the provider's own variables, the keyring or the key file; None without any.

    The keyring is asked where dsterm kept a key in it, or where there is no key anywhere else; it may take seconds to answer.
    UsageError for a key that can't be one (it is never printed), SettingsError for a key file that others may read.
    """
    if card.is_demo:
        return None
    for variable in ("DSTERM_API_KEY", *card.key_variables):
        if key := environment.get(variable, ""):
            return check_key(key, f"The key in {variable}")
    file, mark = _key_file(paths, card.name), paths.keyring_mark(card.name)
    if _is_there(mark) or (card.needs_key and not _is_there(file)):
        key = read_key(card.name) or ""
        if key:
            return check_key(key, "The key in the keyring")
    return _key_from_file(file)


def save_key(card: ProviderCard, key: str, paths: Paths) -> str:
    """Keep `key` in the keyring where there is one, else in a file for the user alone; the sentence says where it is.

    What was kept for `card` before goes. UsageError for what can't be a key, DiskError when it can't be kept.
    """
    key = check_key(key.strip(), "That key")
    file, mark = _key_file(paths, card.name), paths.keyring_mark(card.name)
    if write_key(card.name, key):
        write_private(mark, b"The key is in the keyring of the system, under dsterm.\n")
        _remove(file)
        return "The key is in the keyring of your system, under dsterm."
    write_private(file, key.encode() + b"\n")
    _remove(mark)
    return f"The key is in {file}, readable by you alone."


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


def known_keys(environment: Mapping[str, str], paths: Paths) -> frozenset[str]:
    """The secrets that can be known without asking the keyring: variables named like one, and key files.

    They are for masking. Key files that can't be used are left out; whoever needs the key is told.
    """
    values = {value for name, value in environment.items() if _SECRET_VARIABLE.search(name)}
    try:
        files = list((paths.config / "keys").iterdir())
    except OSError:
        files = []
    for file in files:
        try:
            values.add(_key_from_file(file) or "")
        except DstermError:
            continue
    # Short ones and plain words would be masked wherever such a word stands: `postgres` is many a password.
    return frozenset(
        value for value in values if len(value) >= _SHORTEST_KNOWN and not is_word(value) and _KEY.fullmatch(value)
    )


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except OSError:
        return False
    return True


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise disk_error("remove", path, error) from error


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
