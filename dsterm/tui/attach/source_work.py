"""Lists and counts a source beside the screen, keeping what was ticked meanwhile, and has outlines made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec.structs import replace

from dsterm.core.attachments import PackChoice, Survey, WorkStage, WorkState
from dsterm.core.errors import DstermError
from dsterm.tui.attach.rows import Rows
from dsterm.tui.attach.tree import AttachTree
from dsterm.tui.attach_desk import AttachDesk

_OUTLINED_AT_ONCE = 200
"""Files whose outlines are made before the sums are shown anew."""


class SourceWork:
    """The tree of one source as far as it is known. `tell` hears whenever `rows`, `state` or `trouble` changed."""

    def __init__(self, desk: AttachDesk, tell: Callable[[], None]) -> None:
        self._desk = desk
        self._tell = tell
        self.source = ""
        self.rows: Rows | None = None
        self.state: WorkState | None = None
        self.trouble = ""
        self.is_counted = False
        self.is_outlining = False
        self._loads = 0

    @property
    def survey(self) -> Survey | None:
        """What was listed."""
        return self.rows.tree.survey if self.rows is not None else None

    async def load(self, source: str, choice: PackChoice) -> None:
        """List `source` and show it, then count it. Cancelling keeps what is known; trouble leaves what was shown before."""
        self._loads += 1
        load = self._loads
        self.state, self.trouble = WorkState(stage=WorkStage.LISTING), ""
        self._tell()
        try:
            survey = await self._desk.survey(source, choice, self._hear)
            await self._take(source, survey, choice)
            self.is_counted = False
            survey = await self._desk.count(source, choice, self._hear, lambda known: self._take(source, known, None))
            await self._take(source, survey, None)
            self.is_counted = True
            self.state = None
            await self.outline()
        except DstermError as error:
            self.trouble = str(error)
        finally:
            # One that was cancelled for another must not end that one's state.
            if load == self._loads:
                self.state = None
                self._tell()

    async def outline(self) -> None:
        """Have made what is missing of the outlines that go in."""
        if self.rows is None or not self.rows.tree.missing_outlines():
            return
        self.is_outlining = True
        self._tell()
        try:
            while self.rows is not None and (missing := self.rows.tree.missing_outlines()[:_OUTLINED_AT_ONCE]):
                made = await self._desk.outlined(self.rows.tree.survey, missing)
                # What has no outline adds nothing but its name; else it would be asked for again and again.
                self.rows.tree.add_outlines({path: made.get(path, 0) for path in missing})
                self._tell()
        except DstermError as error:
            self.trouble = str(error)
        finally:
            self.is_outlining = False
            self._tell()

    def _hear(self, state: WorkState) -> None:
        self.state = state

    async def _take(self, source: str, survey: Survey, choice: PackChoice | None) -> None:
        """Make the tree of `survey` in a thread: with `choice`, or None: with what is ticked. What is ticked meanwhile holds."""
        before = self.rows if source == self.source else None
        if before is None:
            wanted = choice or PackChoice()
            self.rows = await asyncio.to_thread(lambda: Rows(AttachTree(survey, wanted)))
        else:
            self.rows = await self._remade(before, survey, choice)
        self.source = source
        self._tell()

    @staticmethod
    async def _remade(before: Rows, survey: Survey, choice: PackChoice | None) -> Rows:
        """The rows of `survey` as `before` stood: with the same open folders, filter and order."""
        old = before.tree

        def make() -> Rows:
            rows = Rows(AttachTree(survey, choice or old.choice(), dict(old.outlines)))
            rows.follow(before)
            return rows

        revision, layouts = old.revision, before.layouts
        rows = await asyncio.to_thread(make)
        if old.revision != revision:
            rows.tree.use(replace(choice, levels=old.choice().levels) if choice is not None else old.choice())
            rows.tree.add_outlines(old.outlines)
        if before.layouts != layouts:
            rows.follow(before)
        return rows
