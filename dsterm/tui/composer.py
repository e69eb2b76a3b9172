"""Where the user writes: grows with its text, sends on Enter, takes pastes whole, remembers prompts, offers commands.

The bar at its left shows the thinking mode: thin, thick, double.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.timer import Timer
from textual.widgets import TextArea

from dsterm.core.errors import DstermError
from dsterm.core.models import ThinkingMode
from dsterm.tui.completion import CompletionPopup
from dsterm.tui.composer_keys import COMPOSER_KEYS
from dsterm.tui.mention_popup import MentionPopup
from dsterm.tui.paste import (
    DATA_SENTENCE,
    PATH_SENTENCE,
    PasteShelf,
    as_text,
    is_image_data,
    is_image_path,
)
from dsterm.tui.recall import Recall
from dsterm.tui.shell_line import Shell, shell_of

_NEWLINE_KEYS = frozenset({"shift+enter", "alt+enter", "ctrl+j"})
_BURST_SECONDS = 0.05
_BURST_KEYS = 5
_PASTE_KEYS = 200


class Composer(TextArea, inherit_bindings=False):
    """The prompt as it is written. Enter posts `Submitted`; words for the user's eye only come as `Said`."""

    BINDINGS: ClassVar[list[BindingType]] = [*COMPOSER_KEYS]

    class Submitted(Message):
        """The user pressed Enter; `text` has pastes in full and may be blank. `is_steer`: for the running turn, now;
        `is_bare`: there was nothing at all.
        """

        def __init__(self, text: str, *, is_steer: bool = False, is_bare: bool = False) -> None:
            self.text = text
            self.is_steer = is_steer
            self.is_bare = is_bare
            super().__init__()

    class Said(Message):
        """One sentence for the user."""

        def __init__(self, text: str) -> None:
            self.text = text
            super().__init__()

    def __init__(
        self, recall: Recall, popup: CompletionPopup, mentions: MentionPopup, take_queued: Callable[[], str | None]
    ) -> None:
        super().__init__(soft_wrap=True, tab_behavior="focus", highlight_cursor_line=False, compact=True)
        self.cursor_blink = False
        self.match_cursor_bracket = False
        self.recall = recall
        self._popup = popup
        self._mentions = mentions
        self._take_queued = take_queued
        self._shelf = PasteShelf()
        self._key_times: deque[float] = deque(maxlen=_PASTE_KEYS + 1)
        self._held_enter: Timer | None = None
        self._killed = ""
        self.shell = Shell.NONE
        self._is_bare = True

    def notice_draft(self) -> bool:
        """Show whether the draft is a command for the shell; True when that changed, or whether there is a draft at all."""
        former = self.shell, self._is_bare
        self.shell, self._is_bare = shell_of(self.text), not self.text
        self.set_class(self.shell is not Shell.NONE, "-shell")
        return former != (self.shell, self._is_bare)

    def set_mode(self, mode: ThinkingMode) -> None:
        """Show the mode in the bar."""
        for other in ThinkingMode:
            self.set_class(other is mode, f"-{other.value}")

    def set_draft(self, text: str) -> None:
        """Put `text`, made safe to draw, in place of the draft, the cursor behind it."""
        self.load_text(as_text(text))
        self.move_cursor(self.document.end)
        self._mentions.dismiss(self.before_cursor)

    @property
    def before_cursor(self) -> str:
        """The line up to the cursor; nothing while something is selected."""
        row, column = self.cursor_location
        return self.document[row][:column] if self.selection.is_empty else ""

    @property
    def pastes(self) -> dict[str, str]:
        """The large pastes in the draft: their chips, and what they stand for."""
        return self._shelf.inside(self.text)

    def open_paste(self) -> bool:
        """Put its text in place of the chip before the cursor, else of the last one; False where there is none."""
        row, column = self.cursor_location
        found = self._shelf.nearest(self.text, (row, column), self.document[row][:column])
        if found is not None:
            self._replace_via_keyboard(found.text, found.start, found.end)
        return found is not None

    def take(self) -> str:
        """The draft with pastes in full; the composer is empty afterwards."""
        text = self._shelf.expand(self.text).strip("\n").rstrip()
        self._shelf.clear()
        self.recall.stop()
        self.load_text("")
        return text

    async def _on_key(self, event: events.Key) -> None:
        key = event.key
        if self._mentions.is_open and key in {"tab", "enter"}:
            # Fast fingers: the list still stands for an earlier draft.
            self._mentions.follow(self.before_cursor)
        if self._mentions.take_key(key):
            _consume(event)
            self._accept_mention()
        elif self._popup.take_key(key, self.text):
            _consume(event)
            if self._popup.accepted is not None:
                self._accept(key)
        elif key == "enter":
            _consume(event)
            self._enter(event.time)
        elif key == "ctrl+enter":
            _consume(event)
            self.post_message(self.Submitted(self.take(), is_steer=True))
        elif key in _NEWLINE_KEYS:
            _consume(event)
            self._type("\n")
        elif key == "question_mark" and not self.text:
            _consume(event)
            await self.run_action("app.help")
        elif key.startswith(("alt+", "ctrl+")):
            event.prevent_default()
        elif event.is_printable:
            self._release_enter()
            self._key_times.append(event.time)
            self.recall.stop()

    def _accept_mention(self) -> None:
        taken = self._mentions.taken
        if taken is not None:
            row, column = self.cursor_location
            self.replace(taken.text, (row, column - taken.length), (row, column))

    def _accept(self, key: str) -> None:
        """Take the chosen completion; Enter also sends it where it needs nothing more."""
        chosen, is_whole = self._popup.accepted or ("", False)
        self.set_draft(chosen)
        if key == "enter" and is_whole:
            self._submit()

    def _enter(self, now: float) -> None:
        """Send, unless Enter is part of a paste that the terminal did not mark, or follows a backslash."""
        row, column = self.cursor_location
        burst = sum(now - at <= _BURST_SECONDS for at in self._key_times)
        if self.document[row][:column].endswith("\\"):
            # In a command the backslash is the shell's own sign that the line goes on.
            self.replace("\n", (row, column - (self.shell is Shell.NONE)), (row, column))
        elif burst > _PASTE_KEYS or self._held_enter is not None:
            self._release_enter()
            self._type("\n")
        elif burst >= _BURST_KEYS:
            self._held_enter = self.set_timer(_BURST_SECONDS, self._submit)
        else:
            self._submit()

    def _release_enter(self) -> None:
        """More keys came at once after a held Enter, so it was a line of a paste."""
        if self._held_enter is not None:
            self._held_enter.stop()
            self._held_enter = None
            self._type("\n")

    def _submit(self) -> None:
        self._held_enter = None
        self._key_times.clear()
        self._popup.close()
        self._mentions.close()
        is_bare = not self.text
        self.post_message(self.Submitted(self.take(), is_bare=is_bare))

    def _type(self, text: str) -> None:
        start, end = self.selection
        self._replace_via_keyboard(text, start, end)

    async def _on_paste(self, event: events.Paste) -> None:
        _consume(event)
        self.insert_paste(event.text)

    def insert_paste(self, pasted: str) -> None:
        """Insert what was pasted, whole; it never sends anything."""
        if is_image_data(pasted):
            self.post_message(self.Said(DATA_SENTENCE))
            return
        if is_image_path(pasted):
            self.post_message(self.Said(PATH_SENTENCE))
        self._type(self._shelf.fold(as_text(pasted)))
        self.focus()

    def action_paste(self) -> None:
        """Insert what was last copied inside the program; the terminal's own paste comes by itself."""
        self.insert_paste(self.app.clipboard)

    def action_cursor_up(self, select: bool = False) -> None:
        """A line up; on the first one, the prompt before."""
        if select or not self.navigator.is_first_wrapped_line(self.cursor_location):
            super().action_cursor_up(select)
            return
        queued = self._take_queued() if not self.text else None
        try:
            older = queued if queued is not None else self.recall.older(self.text)
        except DstermError as error:
            self.post_message(self.Said(str(error)))
            return
        if older is not None:
            self.set_draft(older)

    def action_cursor_down(self, select: bool = False) -> None:
        """A line down; on the last one, the prompt after."""
        if select or not self.navigator.is_last_wrapped_line(self.cursor_location):
            super().action_cursor_down(select)
            return
        newer = self.recall.newer()
        if newer is not None:
            self.set_draft(newer)

    async def action_line_end(self) -> None:
        """To the end of the line; with nothing written, to the end of the transcript."""
        if self.text:
            self.action_cursor_line_end()
        else:
            await self.run_action("app.scroll_bottom")

    def action_rub_out(self) -> None:
        """Delete a character, or a chip whole."""
        row, column = self.cursor_location
        chip = self._shelf.chip_before(self.document[row][:column]) if self.selection.is_empty else ""
        if chip:
            self.delete((row, column - len(chip)), (row, column))
        else:
            self.action_delete_left()

    async def action_delete_or_leave(self) -> None:
        """Delete to the right; with nothing written, twice leaves the program."""
        if self.text:
            self.action_delete_right()
        else:
            await self.run_action("app.leave('Ctrl+D')")

    async def action_kill_to_start(self) -> None:
        """Delete to the start of the line; with nothing written, drop the queue."""
        if self.text:
            self._kill((self.cursor_location[0], 0))
        else:
            await self.run_action("app.drop_queue")

    async def action_kill_to_end(self) -> None:
        """Delete to the end of the line; with nothing written, open the palette."""
        if not self.text:
            await self.run_action("app.palette")
            return
        row, column = self.cursor_location
        end = self.get_cursor_line_end_location()
        self._kill((row + 1, 0) if end == (row, column) and row + 1 < self.document.line_count else end)

    def action_kill_word(self) -> None:
        """Delete back to the start of the word."""
        self._kill(self.get_cursor_word_left_location())

    def action_yank(self) -> None:
        """Insert what was deleted last."""
        self._type(self._killed)

    def _kill(self, to: tuple[int, int]) -> None:
        start, end = sorted((self.cursor_location, to))
        self._killed = self.get_text_range(start, end) or self._killed
        self.delete(start, end)


def _consume(event: events.Key | events.Paste) -> None:
    event.stop()
    event.prevent_default()
