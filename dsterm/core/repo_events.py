"""Events about attached repositories."""

from __future__ import annotations

import msgspec

from dsterm.core.messages import Pack


class RepoAttached(msgspec.Struct, frozen=True, kw_only=True, tag="RepoAttached"):
    """A repository's frozen text stands in the conversation from here on."""

    pack: Pack


class RepoDetached(msgspec.Struct, frozen=True, kw_only=True, tag="RepoDetached"):
    """A pack is out of the conversation again."""

    digest: str
