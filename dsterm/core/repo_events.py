"""Events about attached repositories."""

from __future__ import annotations

import msgspec

from dsterm.core.attachments import Level
from dsterm.core.messages import Pack


class RepoAttached(msgspec.Struct, frozen=True, kw_only=True, tag="RepoAttached"):
    """A repository's frozen text stands in the conversation from here on."""

    pack: Pack


class RepoDetached(msgspec.Struct, frozen=True, kw_only=True, tag="RepoDetached"):
    """A pack is out of the conversation again."""

    digest: str


class ChangedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of an attached repository as it stands since it was told: `path` and `old_path` (of a rename) are relative to the
    workspace, `before` and `after` name its bytes as git does, empty where there was or is no file.

    `kept` is the SHA-256 of the text that the model knows now, under which it is kept beside the packs. `is_whole`: it was told
    the whole text, not a diff. `is_stale`: only that it changed, so that what it knows of it is out of date.
    """

    path: str
    before: str
    after: str
    old_path: str = ""
    kept: str = ""
    level: Level = Level.FULL
    added: int = 0
    removed: int = 0
    is_whole: bool = False
    is_stale: bool = False


class RepoChanged(msgspec.Struct, frozen=True, kw_only=True, tag="RepoChanged"):
    """Files of the pack `digest` differ from what the model was told of them, and here it is told: `text` is what it gets,
    `tokens` their number. `is_partial`: too much changed, so that some files are only named.
    """

    digest: str
    files: tuple[ChangedFile, ...]
    text: str
    tokens: int = 0
    is_partial: bool = False
