"""Which files of a repository are not attached, and the words for why."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath

from dsterm.core.secret_names import looks_secret

_LOCK_FILES = frozenset(
    {"uv.lock", "poetry.lock", "pdm.lock", "pipfile.lock", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock"}
    | {"pnpm-lock.yaml", "bun.lock", "cargo.lock", "composer.lock", "gemfile.lock", "go.sum", "flake.lock"}
    | {"mix.lock", "podfile.lock", "pubspec.lock", "deno.lock", "package.resolved", "gradle.lockfile"}
)
_MAY_BE_MINIFIED = frozenset({".js", ".mjs", ".cjs", ".css"})
_BINARY_PROBE = 8192
_MINIFIED_AVERAGE = 500
"""Characters a line; nobody writes JavaScript or CSS with lines that long on average."""
_MINIFIED_SIZE = 5_000

SYMLINK = "symbolic link"
SUBMODULE = "submodule"
MISSING = "its content is not in this clone"
OTHER_REPOSITORY = "a git repository of its own"
HOLDS_KEYS = "looks like it holds secrets"
OWN = "belongs to dsterm itself"


def reason_by_name(path: str, *, takes_secrets: bool = False) -> str:
    """Why a file of this name stays out; nothing when its name is no reason. `takes_secrets`: looking secret is none."""
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in path):
        return "its name is not plain text"
    if looks_secret(path) and not takes_secrets:
        return HOLDS_KEYS
    name = PurePosixPath(path).name.casefold()
    if name in _LOCK_FILES:
        return "lock file"
    if name.endswith((".min.js", ".min.mjs", ".min.css")):
        return "minified"
    return ""


def reason_by_size(size: int, cap: int) -> str:
    """Why a file of `size` bytes stays out; nothing when it fits."""
    return f"{size:,} bytes, over the limit of {cap:,}" if size > cap else ""


def reason_by_content(path: str, data: bytes) -> str:
    """Why a file with this content stays out; nothing when it is readable text."""
    if b"\0" in data[:_BINARY_PROBE]:
        return "binary"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "not UTF-8 text"
    if PurePosixPath(path).suffix.casefold() in _MAY_BE_MINIFIED and len(data) > _MINIFIED_SIZE:
        average = len(data) / (data.count(b"\n") + 1)
        return "minified" if average > _MINIFIED_AVERAGE else ""
    return ""
