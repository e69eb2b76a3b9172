"""/trust: whether the user trusts this folder, kept for the next start."""

from __future__ import annotations

import asyncio

from dsterm.core.errors import UsageError
from dsterm.engine.live import LiveSession

_TRUSTED = (
    "Its own settings are read (they can only tighten), the model follows its AGENTS.md, git says how many files changed, and"
    " /commit works."
)
_NOT_TRUSTED = (
    "Neither its own settings nor its AGENTS.md are read, and git only lists its files."
    " Tools and permissions work as anywhere."
)


async def trust(live: LiveSession, words: list[str]) -> None:
    """Say what holds, or keep another answer; UsageError for anything else."""
    parts = live.parts
    match words:
        case []:
            held = f"trusted. {_TRUSTED}" if parts.is_trusted else f"not trusted. {_NOT_TRUSTED}"
            live.notice(f"{parts.folder} is {held}")
        case ["yes"]:
            await asyncio.to_thread(parts.trust.set_trust, parts.folder, is_trusted=True)
            live.notice(f"{parts.folder} is trusted from the next start on. {_TRUSTED}")
        case ["no"]:
            await asyncio.to_thread(parts.trust.set_trust, parts.folder, is_trusted=False)
            live.notice(f"{parts.folder} is not trusted from the next start on. {_NOT_TRUSTED}")
        case _:
            raise UsageError("/trust shows what holds; /trust yes and /trust no change it.")
