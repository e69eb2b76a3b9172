"""Keeps a choice made on the screen: one line of the user's config.toml, everything else in it as it was."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from dsterm.core.errors import SettingsError
from dsterm.store.disk import disk_error, write_private


def keep_setting(file: Path, name: str, value: str) -> None:
    """Set `name` to `value` in `file`, which need not exist.

    SettingsError where that can't be done without touching anything else, DiskError where it can't be written.
    """
    try:
        before = file.read_bytes().decode("utf-8-sig") if file.exists() else ""
        wanted = {**tomllib.loads(before), name: value}
        after = _with_line(before, name, value)
        is_safe = tomllib.loads(after) == wanted
    except ValueError:
        is_safe = False
    except OSError as error:
        raise disk_error("read", file, error) from error
    if not is_safe:
        raise SettingsError(f'{file} can\'t be changed from here; set {name} there: {name} = "{value}"')
    write_private(file, after.encode())


def _with_line(text: str, name: str, value: str) -> str:
    """`text` with the line of `name` replaced, or put before the first one, where no table has begun."""
    line = f'{name} = "{value}"'
    table = re.search(r"(?m)^\s*\[", text)
    head = len(text) if table is None else table.start()
    found = re.search(rf"(?m)^[ \t]*{re.escape(name)}[ \t]*=[^\r\n]*", text[:head])
    return f"{text[: found.start()]}{line}{text[found.end() :]}" if found else f"{line}\n{text}"
