"""What the user names with `@` in a prompt, as values: a file, a folder, what has changed, the last commits, a page."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class MentionKind(StrEnum):
    """What a mention names."""

    FILE = "file"
    FOLDER = "folder"
    DIFF = "diff"
    LOG = "log"
    URL = "url"


class Mention(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was named: `written` as it stands in the prompt (`@src/app.py:10-40`), `target` the path, REV or address.

    `first` and `last` are lines from 1, 0 where all are meant. `tokens` are what it adds to the prompt, `size` is bytes.
    `problem` says in one sentence why nothing of it is sent, or, ahead of sending, that it will be asked about.
    """

    kind: MentionKind
    written: str
    target: str = ""
    first: int = 0
    last: int = 0
    tokens: int = 0
    size: int = 0
    problem: str = ""


class MentionPaths(msgspec.Struct, frozen=True, kw_only=True):
    """What can be named: `paths` of files relative to the workspace, sorted; of these, `recent` ones stand first in a list."""

    paths: tuple[str, ...] = ()
    recent: tuple[str, ...] = ()
