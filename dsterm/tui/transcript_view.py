"""The whole transcript as one scrolling widget that draws cached strips of the blocks in sight.

Nothing done for a frame grows with the transcript: heights are known or guessed, only blocks in sight or just changed are
laid out, only lines that differ are painted. Events are gathered and drawn at most twelve times a second, less often where
drawing is slow.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import ClassVar

import msgspec
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.timer import Timer

from dsterm.core.events import Envelope, TurnEnded
from dsterm.core.models import Price
from dsterm.core.questions import QuestionAsked
from dsterm.core.services import Clock
from dsterm.render.blocks import BlockKind
from dsterm.render.style import EMPTY, Line
from dsterm.render.transcript import Transcript
from dsterm.tui.layout import Layout, Place
from dsterm.tui.paint import Painter, StripCache
from dsterm.tui.selecting import highlighted, selected_text

_FASTEST = 0.08
_SLOWEST = 0.5
_COST_FACTOR = 8.0
_THUMB_SECONDS = 0.5
_NEAR_PAGES = 4


class TranscriptSource(msgspec.Struct, frozen=True):
    """Where a view gets what it shows: a fresh transcript, the time, and lines for an empty one."""

    transcript: Callable[[], Transcript]
    clock: Clock
    greeting: Callable[[int], list[Line]]


class TranscriptView(ScrollView, can_focus=False):
    """Shows envelopes. While `is_following`, the newest line stays in sight; scrolling up ends that.

    `frames` and `strips_made` count work, for tests.
    """

    ALLOW_SELECT: ClassVar[bool] = True

    class Moved(Message):
        """`lines_below` or `is_following` changed."""

    def __init__(self, painter: Painter, source: TranscriptSource) -> None:
        super().__init__()
        self._painter = painter
        self._source = source
        self._transcript = source.transcript()
        self._layout = Layout(self._transcript, self._now, 0)
        self._strips = StripCache(painter)
        self._timer: Timer | None = None
        self._thumb_timer: Timer | None = None
        self._cost = 0.0
        self._paint_cost = 0.0
        self._width = 0
        self._seen_total = 0
        self._is_placing = False
        self.is_following = True
        self.frames = 0

    @property
    def is_waiting(self) -> bool:
        """Whether something is shown with the next frame only."""
        return self._timer is not None

    @property
    def lines_below(self) -> int:
        """Lines that came since the user scrolled away."""
        return 0 if self.is_following else max(0, self._layout.total - self._seen_total)

    def load(self, envelopes: Iterable[Envelope]) -> None:
        """Show another session from its beginning, at its end."""
        self._transcript = self._source.transcript()
        for envelope in envelopes:
            self._transcript.show(envelope)
        self._layout = Layout(self._transcript, self._now, self._width)
        self._strips.clear()
        self.is_following = True
        self._frame()
        self.refresh()

    def show(self, envelope: Envelope) -> None:
        """Take one event; it is drawn with the next frame, or at once where the user waits for it."""
        self._transcript.show(envelope)
        if isinstance(envelope.event, QuestionAsked | TurnEnded):
            self._frame()
        elif self._timer is None:
            delay = min(max(self._cost * _COST_FACTOR, _FASTEST), _SLOWEST)
            self._timer = self.set_timer(delay, self._frame)

    def set_price(self, price: Price | None) -> None:
        """The price that running estimates go by."""
        self._transcript.set_price(price)

    def tick(self) -> None:
        """Seconds passed: headers that count them may change."""
        self._transcript.tick(self._now())
        if self._timer is None:
            self._frame()

    def fold_reasoning(self) -> None:
        """Fold all reasoning, or open all of it."""
        self._transcript.fold_reasoning(self._layout.is_any_open(frozenset({BlockKind.REASONING})))
        self._frame()

    def fold_tools(self) -> None:
        """Fold all tool output, or open all of it."""
        self._transcript.fold_tools(self._layout.is_any_open(frozenset({BlockKind.TOOL, BlockKind.COMMAND})))
        self._frame()

    def scroll_lines(self, count: int) -> None:
        """Move by `count` lines, up when negative."""
        self.scroll_to(y=min(max(self.scroll_offset.y + count, 0), self.max_scroll_y), animate=False, force=True)

    def follow(self) -> None:
        """To the newest line, and stay there."""
        self.is_following = True
        self._place()
        self.post_message(self.Moved())

    def _now(self) -> float:
        return self._source.clock.now().timestamp()

    def _frame(self) -> None:
        """Take in what changed and put what is in sight in its place."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if not self._width:
            return
        began = time.thread_time()
        self.frames += 1
        anchor = None if self.is_following else self._layout.find(self.scroll_offset.y)
        total = self._layout.total
        dirty = self._layout.take_changes()
        if dirty:
            self._layout.measure_last(dirty)
            self._place(anchor)
            if self._layout.total == total:
                self._refresh_blocks(dirty)
        self._cost = time.thread_time() - began + self._paint_cost
        self._paint_cost = 0.0

    def _place(self, anchor: Place | None = None) -> None:
        """Lay out what is in sight: the end, or what begins at `anchor`, which stays where it is."""
        if self.is_following:
            self._layout.measure_end(self.size.height)
            self._set_total(self._layout.total)
            return
        anchor = anchor or self._layout.find(self.scroll_offset.y)
        if anchor is not None:
            self._layout.measure_from(self._layout.where(anchor), self.size.height)
            self._set_total(self._layout.where(anchor))
        self.post_message(self.Moved())

    def _set_total(self, top: int) -> None:
        """Tell the scrollbar how much there is and show from line `top` on, without laying out the screen again."""
        self._is_placing = True
        size = Size(self._width, self._layout.total)
        if size != self.virtual_size:
            self.set_reactive(ScrollView.virtual_size, size)
            self.refresh()
        self.scroll_to(y=min(top, self.max_scroll_y), animate=False, force=True)
        self._is_placing = False
        if not self.is_following:
            self._show_thumb()
        elif self._thumb_timer is None:
            self._thumb_timer = self.set_timer(_THUMB_SECONDS, self._show_thumb)

    def _show_thumb(self) -> None:
        """Move the scrollbar's thumb; while text streams that is not worth a repaint for every line."""
        if self._thumb_timer is not None:
            self._thumb_timer.stop()
            self._thumb_timer = None
        bar = self.vertical_scrollbar
        bar.window_virtual_size = self._layout.total
        bar.window_size = self.size.height
        bar.position = self.scroll_y

    def _refresh_blocks(self, indices: list[int]) -> None:
        """Paint the lines of these blocks that differ from what was painted."""
        for index in indices:
            start, end = self._layout.span(index)
            for place in range(max(start, self.scroll_offset.y), min(end, self.scroll_offset.y + self.size.height)):
                found = self._layout.find(place)
                if found is not None and not self._is_known(found):
                    self.refresh(Region(0, place - self.scroll_offset.y, self.size.width, 1))

    def _is_known(self, place: Place) -> bool:
        return self._strips.find((place.key, place.row), self._layout.line(place), self.size.width) is not None

    @property
    def strips_made(self) -> int:
        """Lines painted so far."""
        return self._strips.made

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The place changed; when the user did that, following may begin or end."""
        if self._is_placing:
            self.refresh()
            return
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) == round(new_value):
            return
        was_following = self.is_following
        self.is_following = round(new_value) >= self.max_scroll_y
        if was_following and not self.is_following:
            self._seen_total = self._layout.total
        self._settle_scroll(round(old_value), round(new_value))
        self.post_message(self.Moved())

    def _settle_scroll(self, old: int, new: int) -> None:
        """Lay out what came into sight. Going up, what was only guessed above must not shift what the reader just saw."""
        anchor = self._layout.find(old)
        if self.is_following or anchor is None or not 0 < old - new <= _NEAR_PAGES * self.size.height:
            self._place()
            return
        self._layout.measure_back(anchor, old - new)
        self._set_total(max(0, self._layout.where(anchor) - (old - new)))
        self._place()

    def on_resize(self, _event: events.Resize) -> None:
        """Another size: guess all heights from the old ones and lay out what is in sight."""
        width = self.scrollable_content_region.width
        anchor = None if self.is_following else self._layout.find(self.scroll_offset.y)
        if width != self._width:
            self._width = width
            self._layout.set_width(width)
            self._strips.clear()
            self._frame()
        self._place(anchor)
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """A click on the first line of a block folds or opens it."""
        place = self._layout.find(event.y + self.scroll_offset.y)
        if place is None or self.text_selection is not None or not self._layout.toggle(place):
            return
        event.stop()
        self._seen_total = self._layout.total
        self.is_following = False
        self._frame()
        self.is_following = self.scroll_offset.y >= self.max_scroll_y
        self.post_message(self.Moved())

    def render_line(self, y: int) -> Strip:
        """Textual asks for line `y` of what is in sight."""
        number = y + self.scroll_offset.y
        place = self._layout.find(number)
        if place is None:
            return self._painter.strip(self._empty_line(number), self.size.width)
        began = time.thread_time()
        line = self._layout.line(place)
        strip = self._strips.strip((place.key, place.row), line, self.size.width)
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(number)) is not None:
            strip = highlighted(strip, line.text, span, self.screen.get_component_rich_style("screen--selection"))
        strip = strip.apply_offsets(0, number)
        self._paint_cost += time.thread_time() - began
        return strip

    def _empty_line(self, number: int) -> Line:
        """A line of the greeting, as long as there is nothing else."""
        if self._layout.total:
            return EMPTY
        lines = self._source.greeting(self.size.width)
        return lines[number] if number < len(lines) else EMPTY

    def _text(self, number: int) -> str:
        place = self._layout.find(number)
        return self._layout.line(place).text if place is not None else ""

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text, for copying."""
        return selected_text(selection, self._text, self._layout.total), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Another selection: draw it."""
        self.refresh()
