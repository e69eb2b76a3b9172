"""What the way to the model leaves in a transcript: the header of a step, retries, what dsterm did of its own, fallbacks."""

from __future__ import annotations

from collections.abc import Callable

from dsterm.core import events, wire_events
from dsterm.core.events import Event
from dsterm.render.block_list import BlockList
from dsterm.render.blocks import BlockKind, Note, NoteBlock
from dsterm.render.style import Line, Span, Style, indented
from dsterm.render.wire_notes import (
    OWN_MARK,
    TurnToll,
    fell_back_note,
    observed_mode,
    prefix_words,
    retry_note,
    served_words,
)
from dsterm.render.wording import format_count
from dsterm.render.wrap import wrap_text


class OwnBlock(NoteBlock):
    """What dsterm did of its own, as one line; open, with what it told the model."""

    def __init__(self, key: int, changes: set[int], event: wire_events.Intervened) -> None:
        super().__init__(key, changes, BlockKind.NOTICE, Note(event.text, OWN_MARK))
        self.event = event
        self.is_foldable = bool(event.nudge.strip())
        self._times = 1
        self._is_open = False

    @property
    def is_folded(self) -> bool:
        """Whether there are words to the model that are not shown."""
        return self.is_foldable and not self._is_open

    def toggle(self) -> None:
        """Show what the model was told, or no longer."""
        if self.is_foldable:
            self._is_open = not self._is_open
            self.touch()

    def repeat(self) -> None:
        """It did the same once more."""
        self._times += 1
        self.replace(Note(f"{self.event.text} ({format_count(self._times, 'time')})", OWN_MARK))

    def draw(self, width: int, now: float) -> list[Line]:
        """The line, and the words to the model when it is open."""
        lines = super().draw(width, now)
        if not self._is_open:
            return lines
        told = wrap_text(f"to the model: {self.event.nudge.strip()}", max(width - 6, 8), Style.DIM)
        return [*lines, *indented(told, (Span("   → ", Style.DIM),), (Span("     "),))]


class WireView:
    """Folds the events about requests; `title` gives the short name of a model by its id."""

    def __init__(self, blocks: BlockList, title: Callable[[str], str]) -> None:
        self._list = blocks
        self._title = title
        self._step: events.StepStarted | None = None
        self._begin = 0
        self._header: tuple[NoteBlock, list[str]] | None = None
        self._said: set[str] = set()
        self._has_sent = self._has_thought = False
        self._fallen: tuple[str, str] | None = None
        self._retry: tuple[NoteBlock, list[str]] | None = None
        self._own: OwnBlock | None = None
        self._observed: dict[wire_events.Intervention, str] = {}
        self._toll = TurnToll()

    def begin_turn(self) -> None:
        """Another turn: what was said of the one before may be said again."""
        self._said.clear()
        self._has_thought = False
        self._toll = TurnToll()

    @property
    def toll(self) -> str:
        """What the turn came to so far, in words."""
        return self._toll.words

    @property
    def is_open(self) -> bool:
        """Whether a request runs, which nothing chosen now changes any more."""
        return self._step is not None

    def start(self, step: events.StepStarted) -> None:
        """A request is sent. That it lost its prefix matters where one was sent before."""
        self._step, self._header, self._fallen = step, None, None
        self._begin = len(self._list.blocks)
        if self._has_sent:
            self._say(prefix_words(step))

    def end(self, ended: events.StepEnded) -> None:
        """The request is over: what differs from what was asked for stands above its blocks, once a turn."""
        self._toll.take(ended)
        self._has_sent = self._has_sent or (ended.usage is not None and ended.usage.prompt_tokens > 0)
        if self._step is not None and ended.failure is None:
            self._observed = {
                wire_events.Intervention.MODE_NOT_HONOURED: observed_mode(
                    self._step, ended, has_thought=self._has_thought
                ),
                wire_events.Intervention.OTHER_MODEL: served_words(self._step, ended, self._title),
            }
            for words in self._observed.values():
                if words not in self._said:
                    self._said.add(words)
                    self._say(words)
        self._has_thought = self._has_thought or bool(ended.has_reasoned)
        self._step = None

    def retry(self, event: events.StepRetried) -> None:
        """The request is sent again; retries in a row are one line."""
        if self._retry is not None and self._list.blocks[-1] is self._retry[0]:
            block, causes = self._retry
            causes.append(event.cause)
            block.replace(retry_note(causes))
        else:
            causes = [event.cause]
            self._retry = self._note(retry_note(causes)), causes
        self._begin, self._header = len(self._list.blocks), None

    def show(self, event: Event) -> bool:
        """Take one event; False where it is none of these."""
        match event:
            case wire_events.Intervened():
                self._show_own(event)
            case wire_events.FellBack():
                self._fallen = event.provider, event.model
                self._note(fell_back_note(event, self._title))
            case events.ModelChanged(provider=provider, model=model) if (provider, model) == self._fallen:
                # The line of the fallback has said so already.
                self._fallen = None
            case _:
                return False
        return True

    def _show_own(self, event: wire_events.Intervened) -> None:
        self._take_back(self._observed.pop(event.kind, ""))
        if self._own is not None and self._list.blocks[-1] is self._own and self._own.event == event:
            self._own.repeat()
        else:
            self._own = self._list.add(lambda key, changes: OwnBlock(key, changes, event))

    def _say(self, words: str) -> None:
        """One more line in the header of the step."""
        if not words:
            return
        if self._header is None:
            blocks = self._list.blocks
            first = blocks[self._begin] if self._begin < len(blocks) else None
            self._header = (
                self._list.add(lambda key, changes: _note_block(key, changes, Note(words)), before=first),
                [words],
            )
        else:
            block, lines = self._header
            lines.append(words)
            block.replace(Note("\n".join(lines)))

    def _take_back(self, words: str) -> None:
        """What a whole sentence says needs no line in the header of the last step."""
        if self._header is None or words not in self._header[1]:
            return
        block, lines = self._header
        lines.remove(words)
        if lines:
            block.replace(Note("\n".join(lines)))
        else:
            self._list.remove(block)
            self._header = None

    def _note(self, note: Note) -> NoteBlock:
        return self._list.add(lambda key, changes: _note_block(key, changes, note))


def _note_block(key: int, changes: set[int], note: Note) -> NoteBlock:
    return NoteBlock(key, changes, BlockKind.NOTICE, note)
