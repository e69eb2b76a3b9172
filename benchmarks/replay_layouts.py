"""Four ways to send a repository that changes before every turn: packed anew by path or by age, frozen, frozen and renewed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from dsterm.context.pack_content import PackSource
from dsterm.context.repo_pack import BuiltPack, build_pack
from dsterm.core.attachments import PackChoice, PackManifest, WorkState
from dsterm.core.events import Envelope, Event
from dsterm.core.messages import Pack
from dsterm.core.repo_events import RepoAttached, RepoChanged
from dsterm.core.undo_events import SavedFile
from dsterm.engine.attaching.counting import count_source
from dsterm.engine.attaching.drift_look import DriftLook
from dsterm.engine.attaching.drift_words import Allowance, compose
from dsterm.engine.attaching.packing import gather
from dsterm.engine.attaching.told_files import ToldTexts, told_files
from dsterm.llm.tokens import V4Counter
from dsterm.render.outline import TokenOutline
from dsterm.store.token_counts import TokenCounts
from dsterm.workspace.git.git_hardening import GitDoor
from dsterm.workspace.programs import find_program, program_folders
from dsterm.workspace.sources.sources import Sources

_RENEWED = 0.25
"""Of a snapshot; when as much was told since, it is taken anew."""

_CAP = 1_000_000


@dataclass(frozen=True)
class ReplayParts:
    """What attaching needs, over the work tree `folder`."""

    sources: Sources
    counter: V4Counter
    token_counts: TokenCounts
    outline: TokenOutline


def replay_parts(folder: Path) -> ReplayParts:
    """The real ones."""
    program = find_program("git", program_folders(os.environ))
    door = GitDoor(program, dict(os.environ), outside=folder) if program else None
    return ReplayParts(
        sources=Sources(door, folder, clones=folder.parent / "clones", cap=_CAP),
        counter=V4Counter(),
        token_counts=TokenCounts(None),
        outline=TokenOutline(),
    )


async def read_tree(parts: ReplayParts, choice: PackChoice) -> PackSource:
    """All that a pack of the tree, as it is now, is made of."""
    survey = await count_source(parts, ".", choice, _ignore)
    return await gather(parts, survey, choice, _ignore)


class Repacked:
    """The pack made anew before every turn, in front of the conversation; `by_age`: least recently changed files first."""

    def __init__(self, parts: ReplayParts, *, by_age: bool) -> None:
        self._parts = parts
        self._by_age = by_age
        self._said: list[str] = []

    async def prompt(self, tree: PackSource, words: str) -> str:
        """The prompt of the next request."""
        source = tree if self._by_age else msgspec.structs.replace(tree, ages={})
        self._said.append(words)
        return built(self._parts, source).text + "".join(self._said)

    def answered(self, text: str) -> None:
        """The model answered."""
        self._said.append(text)


class Frozen:
    """The pack made once, changes told behind it where they happen; `is_renewed`: taken anew when much was told."""

    def __init__(self, parts: ReplayParts, choice: PackChoice, *, is_renewed: bool) -> None:
        self._parts = parts
        self._choice = choice
        self._is_renewed = is_renewed
        self._said: list[tuple[str, bool]] = []
        self._events: list[Envelope] = []
        self._pack: Pack | None = None
        self._manifest = PackManifest(files=())
        self._texts: dict[str, str] = {}
        self._told = 0
        self.snapshots = 0
        self.most_told = 0
        self.partial = 0
        self._look = DriftLook(parts.sources, parts.outline)

    async def prompt(self, tree: PackSource, words: str) -> str:
        """The prompt of the next request; what changed is told in front of the words."""
        if self._pack is None:
            self._take(tree)
        else:
            await self._tell(self._pack)
            if self._is_renewed and self._told > _RENEWED * self._pack.tokens:
                self._take(tree)
        self._said.append((words, False))
        return "".join(text for text, _ in self._said)

    def answered(self, text: str) -> None:
        """The model answered."""
        self._said.append((text, False))

    def _take(self, tree: PackSource) -> None:
        """A snapshot at the end; the one before goes, and what was told of it."""
        made = built(self._parts, tree)
        self._pack, self._manifest = made.pack, made.manifest
        self._texts = {made.pack.digest: made.text}
        self._events.clear()
        self._record(RepoAttached(pack=made.pack))
        self._said = [*(one for one in self._said if not one[1]), (made.text, True)]
        self._told = 0
        self.snapshots += 1

    async def _tell(self, pack: Pack) -> None:
        texts = ToldTexts(self._texts.__getitem__, _no_content)
        told = told_files(self._events, (pack,), (), lambda _digest: self._manifest, texts)
        found = await self._look.look(pack, told, texts)
        if not found:
            return
        allowance = Allowance(max(4_000, pack.tokens // 4), self._parts.counter.count, str)
        composed = await asyncio.to_thread(compose, found, told, allowance, "")
        if composed is None:
            return
        self._texts |= composed.kept
        self._record(RepoChanged(digest=pack.digest, files=composed.files, text=composed.text, tokens=composed.tokens))
        self._said.append((composed.text, True))
        self._told += composed.tokens
        self.most_told = max(self.most_told, self._told)
        self.partial += composed.is_partial

    def _record(self, event: Event) -> None:
        number = len(self._events) + 1
        at = datetime(2026, 1, 1, tzinfo=UTC)
        self._events.append(Envelope(id=str(number), parent=str(number - 1), seq=number, at=at, event=event))


def built(parts: ReplayParts, tree: PackSource) -> BuiltPack:
    """The pack of `tree`."""
    return build_pack(tree, lambda text: parts.counter.count_exactly([text])[0])


def _no_content(file: SavedFile) -> bytes:
    raise KeyError(file.path)


def _ignore(_state: WorkState) -> None:
    """Progress is of no interest here."""


Layouts = Mapping[str, Repacked | Frozen]
