"""The page of the attach screen: the tree, what stands around it, and the work that fills it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input
from textual.worker import Worker, WorkerState

from dsterm.core.attachments import PackChoice, WorkStage, WorkState
from dsterm.core.messages import Pack
from dsterm.core.status import Status
from dsterm.render.style import EMPTY, Line
from dsterm.render.wording import format_tokens
from dsterm.tui.attach.folders import Folder
from dsterm.tui.attach.lines_band import LinesBand
from dsterm.tui.attach.page_lines import Page, foot_lines, head_lines
from dsterm.tui.attach.row_lines import scale, title_line
from dsterm.tui.attach.source_work import SourceWork
from dsterm.tui.attach.suggestion import what_to_leave_out
from dsterm.tui.attach.tree import AttachTree
from dsterm.tui.attach.tree_view import TreeView
from dsterm.tui.attach_desk import AttachDesk
from dsterm.tui.paint import Painter

_TICK_SECONDS = 0.25
_HEAD_ROWS = 2
_MILLION = 1_000_000
_OUTLINING = WorkState(stage=WorkStage.COUNTING, detail="making outlines")
_COUNT, _OUTLINE = "attach-count", "attach-outline"


class Chosen(msgspec.Struct, frozen=True):
    """What the user wants attached."""

    source: str
    choice: PackChoice


class AttachPage(ModalScreen[Chosen | None], inherit_bindings=False):
    """What is seen. It begins with `source`; `status` is that of the session; `log` keeps the traceback of a bug and says where.

    `AttachScreen` adds the keys.
    """

    AUTO_FOCUS = "TreeView"
    DEFAULT_CSS = """
    AttachPage { background: $background; }
    AttachPage Vertical { width: 100%; height: 100%; background: $background; }
    AttachPage Input {
        height: 1; border: none; border-left: heavy $accent; padding: 0 1; background: $background; display: none;
    }
    AttachPage Input:focus { border: none; border-left: heavy $accent; background-tint: $foreground 0%; }
    AttachPage .attach-foot { margin-top: 1; }
    """

    def __init__(
        self, painter: Painter, desk: AttachDesk, status: Status, source: str, log: Callable[[BaseException], str]
    ) -> None:
        super().__init__()
        self._desk = desk
        self._status = status
        self._log_crash = log
        self.wanted = source
        self.work = SourceWork(desk, self.changed)
        self._scale = scale(desk.quotes(_MILLION), status.model.context_window)
        self.lack: tuple[int, list[Folder | int]] = (0, [])
        self._weighed: tuple[AttachTree | None, int] = (None, -1)
        self._said = ("", False)
        self.field = ""
        self.view = TreeView(painter, lambda: self._scale)
        self._head = LinesBand(painter, self._head_lines, _HEAD_ROWS)
        self._titles = LinesBand(painter, self._title_lines, 1)
        self._foot = LinesBand(painter, self._foot_lines, 5)
        self._foot.add_class("attach-foot")
        self.input = Input()

    def compose(self) -> ComposeResult:
        """Head, field, tree and foot."""
        with Vertical():
            yield self._head
            yield self.input
            yield self._titles
            yield self.view
            yield self._foot

    def on_mount(self) -> None:
        """Begin to list and count."""
        self.set_interval(_TICK_SECONDS, self._tick)
        self.open_source(self.wanted)

    @property
    def is_working(self) -> bool:
        """Whether it lists, counts or outlines."""
        return self.work.state is not None or self.work.is_outlining

    def open_source(self, source: str) -> None:
        """Show `source`; where something of it is attached already, that is ticked."""
        attached = self._attached(source)
        self.load(source, PackChoice() if attached is None or attached.choice is None else attached.choice)

    def load(self, source: str, choice: PackChoice) -> None:
        """List and count `source`, instead of what was under way."""
        self.wanted = source
        self.run_worker(self.work.load(source, choice), group=_COUNT, exclusive=True, exit_on_error=False)

    def make_outlines(self) -> None:
        """Have made what is missing of the outlines."""
        self.run_worker(self.work.outline(), group=_OUTLINE, exclusive=True, exit_on_error=False)

    def say(self, words: str, *, is_trouble: bool = False) -> None:
        """One sentence above the tree, until the next key."""
        if (words, is_trouble) != self._said:
            self._said = (words, is_trouble)
            self.draw()

    def show_field(self, *, is_open: bool) -> None:
        """Put the field in the place of the second line, or take it away; nothing below moves."""
        self._head.styles.height = _HEAD_ROWS - is_open
        self.input.display = is_open
        (self.input if is_open else self.view).focus()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A bug in the work is told and logged; the screen goes on."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            where = self._log_crash(event.worker.error)
            self.say(f"Something in dsterm went wrong with this source. {where}", is_trouble=True)

    def _attached(self, source: str) -> Pack | None:
        return next((pack for pack in reversed(self._status.packs) if pack.source == source), None)

    def _tick(self) -> None:
        if self.work.state is not None:
            self._head.draw()

    def changed(self) -> None:
        """Something of the tree or of the work on it changed."""
        if not self.is_attached:
            return
        rows = self.work.rows
        if rows is not None:
            now = (rows.tree, rows.tree.revision)
            if now != self._weighed:
                self._weighed = now
                self._weigh()
        self.view.show(rows)
        self.draw()

    def _weigh(self) -> None:
        """Whether it fits, and what to leave out where it doesn't."""
        rows = self.work.rows
        quotes = self._desk.quotes(rows.tree.total().tokens) if rows is not None else ()
        missing = quotes[0].missing if quotes else 0
        self.lack = (missing, what_to_leave_out(rows.tree, missing) if rows is not None and missing else [])

    def draw(self) -> None:
        """Show what stands around the tree anew."""
        for band in (self._head, self._titles, self._foot):
            band.draw()

    def _head_lines(self, width: int) -> list[Line]:
        work, rows = self.work, self.work.rows
        source = work.source or self.wanted
        said, is_trouble = self._said if self._said[0] else (work.trouble, True)
        page = Page(
            source=source,
            choice=rows.tree.rule if rows is not None else PackChoice(),
            survey=work.survey,
            work=work.state or (_OUTLINING if work.is_outlining else None),
            is_counted=work.is_counted,
            said=said,
            is_trouble=is_trouble and bool(said),
            attached=self._attached_words(source),
            filter=rows.filter if rows is not None else "",
            is_by_tokens=rows.is_by_tokens if rows is not None else False,
        )
        return head_lines(page, width)

    def _title_lines(self, width: int) -> list[Line]:
        return [title_line(self._scale, width) if self.work.rows is not None else EMPTY]

    def _attached_words(self, source: str) -> str:
        pack = self._attached(source)
        if pack is None:
            return ""
        return f"attached already with {format_tokens(pack.tokens)} tokens: what is ticked; /detach takes that out"

    def _foot_lines(self, width: int) -> list[Line]:
        rows = self.work.rows
        if rows is None:
            return foot_lines(None, None, self._scale, (0, ()), width)
        tree, (missing, targets) = rows.tree, self.lack
        parts = [f"{_path(tree, target)} ({format_tokens(tree.tokens_in(target))})" for target in targets]
        return foot_lines(tree, self.view.target, self._scale, (missing, parts), width)


def _path(tree: AttachTree, target: Folder | int) -> str:
    return tree.files[target].path if isinstance(target, int) else target.path
