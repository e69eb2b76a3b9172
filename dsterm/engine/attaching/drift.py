"""Tells the model what changed in attached files since it was told, before each request: appended, nothing sent is rewritten."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from dsterm.core.attachments import Level
from dsterm.core.errors import DstermError
from dsterm.core.events import NoticeLevel
from dsterm.core.messages import AssistantMessage, Pack
from dsterm.core.repo_events import RepoChanged
from dsterm.engine.attaching.drift_look import DriftLook
from dsterm.engine.attaching.drift_words import Allowance, Composed, compose, since_words
from dsterm.engine.attaching.told_files import ToldFile, ToldTexts, told_files
from dsterm.engine.branch import branch
from dsterm.engine.live import LiveSession
from dsterm.engine.steps.requests import context_tokens

_PATIENCE = 2.0
"""Seconds that a prompt waits for the look at attached files."""

_SHARE = 4
"""A quarter of the pack may be told as diffs at once."""

_LEAST_TOKENS = 4_000
"""As much is always told."""


async def tell_changes(live: LiveSession, *, is_prompt: bool) -> None:
    """Append what differs on disk from what the model knows of the followed packs.

    `is_prompt`: a prompt follows; between two steps a repository that was too slow just now is not looked at again.
    """
    packs = tuple(pack for pack in live.session.packs if pack.is_followed)
    memory = live.drift
    if memory.is_slow and not is_prompt:
        return
    memory.is_slow = False
    try:
        async with asyncio.timeout(_PATIENCE):
            await _tell(live, packs)
    except TimeoutError:
        memory.is_slow = True
        _warn_once(live, "Looking at attached files for changes takes too long here, so some may not be told.")
    except DstermError as error:
        _warn_once(live, f"Changes of attached files can't be told: {error}")


async def told_now(live: LiveSession, packs: tuple[Pack, ...]) -> dict[str, ToldFile]:
    """What the model knows of the files of `packs`, by their paths in the workspace; DiskError where a pack is gone."""
    envelopes = branch(live.journal.envelopes)
    said = (message for message in live.session.messages if isinstance(message, AssistantMessage))
    calls = {call.id for message in said for call in message.tool_calls}
    return await asyncio.to_thread(told_files, envelopes, packs, calls, live.load_manifest, texts_of(live))


def texts_of(live: LiveSession) -> ToldTexts:
    """Where the texts are that the model was told."""
    return ToldTexts(live.load_pack, live.parts.checkpoints.content)


async def _tell(live: LiveSession, packs: tuple[Pack, ...]) -> None:
    memory = live.drift
    if memory.look is None:
        memory.look = DriftLook(live.parts.sources, live.parts.outline)
    told = await told_now(live, packs)
    texts = texts_of(live)
    since = since_words(branch(live.journal.envelopes))
    for pack in packs:
        found = await memory.look.look(pack, told, texts)
        if not found:
            continue
        composed = await asyncio.to_thread(compose, found, told, _allowance(live, pack), since)
        if composed is not None:
            _emit(live, pack, composed)
            told = await told_now(live, packs)
    live.parts.toolbox.follow(_known(live.parts.workspace.root, told))


def _emit(live: LiveSession, pack: Pack, composed: Composed) -> None:
    for digest, text in composed.kept.items():
        live.keep_pack(digest, text)
    live.emit(
        RepoChanged(
            digest=pack.digest,
            files=composed.files,
            text=composed.text,
            tokens=composed.tokens,
            is_partial=composed.is_partial,
        )
    )


def _allowance(live: LiveSession, pack: Pack) -> Allowance:
    free = live.card(live.model).context_window - context_tokens(live)[0]
    return Allowance(
        tokens=min(max(_LEAST_TOKENS, pack.tokens // _SHARE), max(0, free // 2)),
        count=live.parts.counter.count,
        redact=live.parts.redact if live.parts.config.mask_secrets else str,
    )


def _known(root: Path, told: Mapping[str, ToldFile]) -> Callable[[Path], str]:
    """The bytes of a file that the model knows whole, as git names them."""

    def blob(path: Path) -> str:
        if not path.is_relative_to(root):
            return ""
        file = told.get(path.relative_to(root).as_posix())
        is_known = file is not None and file.level is Level.FULL and not (file.stale or file.reader) and file.has_text
        return file.blob if file is not None and is_known else ""

    return blob


def _warn_once(live: LiveSession, text: str) -> None:
    if text not in live.drift.told:
        live.drift.told.add(text)
        live.notice(text, NoticeLevel.WARNING)
