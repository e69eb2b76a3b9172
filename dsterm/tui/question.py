"""A question of the engine, docked above the composer: the change it is about, and one line of keys.

It takes the focus only once no key was pressed for a quarter of a second, so that a word being typed never answers it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static

from dsterm.core.diff import FileDiff
from dsterm.core.events import Answer, Option, QuestionAsked, ToolRequested
from dsterm.render.clean import clean
from dsterm.render.diff import diff_lines
from dsterm.render.style import Line
from dsterm.tui.lines_view import LinesView
from dsterm.tui.paint import Painter

_QUIET_SECONDS = 0.25
_PASSED_ON = frozenset({"escape", "ctrl+c"})


class QuestionDock(Vertical, can_focus=True):
    """Shows one question at a time; the others wait in line."""

    class Answered(Message):
        """The user chose."""

        def __init__(self, question_id: str, answer: Answer) -> None:
            self.question_id = question_id
            self.answer = answer
            super().__init__()

    class Typed(Message):
        """A key that means nothing here; the composer takes it."""

        def __init__(self, character: str) -> None:
            self.character = character
            super().__init__()

    class Left(Message):
        """The focus goes back to the composer."""

    def __init__(self, painter: Painter, seconds_since_key: Callable[[], float]) -> None:
        super().__init__()
        self.display = False
        self._seconds_since_key = seconds_since_key
        self._waiting: deque[tuple[QuestionAsked, tuple[FileDiff, ...]]] = deque()
        self._refusal: Option | None = None
        self._focus_timer: Timer | None = None
        self._words = Static(markup=False, classes="question-words")
        self._diff = LinesView(painter)
        self._keys = Static(markup=False, classes="question-keys")
        self._reason = Input(placeholder="because … (Enter sends, Esc goes back)", classes="question-reason")

    def compose(self) -> ComposeResult:
        """The words, the change, the keys, and the line for a reason."""
        yield self._words
        yield self._diff
        yield self._keys
        self._reason.display = False
        yield self._reason

    @property
    def current(self) -> QuestionAsked | None:
        """The question on the screen."""
        return self._waiting[0][0] if self._waiting else None

    def ask(self, question: QuestionAsked, request: ToolRequested | None) -> None:
        """Put a question in line."""
        plan = request.plan if request else None
        self._waiting.append((question, plan.diffs if plan else ()))
        if len(self._waiting) == 1:
            self._show()

    def drop(self, question_id: str) -> None:
        """The question is settled, by whomever."""
        was_current = self.current is not None and self.current.id == question_id
        self._waiting = deque(each for each in self._waiting if each[0].id != question_id)
        if was_current:
            self._show()

    def drop_all(self) -> None:
        """The turn is over; nothing waits for an answer."""
        self._waiting.clear()
        self._show()

    def escape(self) -> bool:
        """Esc: from the reason back to the keys, else refuse. False when nothing is asked."""
        question = self.current
        if question is None:
            return False
        if self._refusal is not None:
            self._close_reason()
            self.focus()
        else:
            refusals = [option for option in question.options if option.wants_text] or list(question.options)
            self._answer(Answer(answer=refusals[-1].answer))
        return True

    def _show(self) -> None:
        self._close_reason()
        question = self.current
        had_focus = self.has_focus_within
        self.display = question is not None
        if question is None:
            self._stop_timer()
            if had_focus:
                self.post_message(self.Left())
            return
        self._words.update(Content.styled(" " + clean(question.text), "$foreground"))
        self._diff.set_source(self._lines)
        self._diff.display = bool(self._waiting[0][1])
        self._show_keys()
        if not had_focus:
            self._wait_for_quiet(_QUIET_SECONDS)

    def _lines(self, width: int) -> list[Line]:
        diffs = self._waiting[0][1] if self._waiting else ()
        return [line for diff in diffs for line in diff_lines(diff, width)]

    def _show_keys(self) -> None:
        """The options in one line; the accent says that letters answer now."""
        question = self.current
        if question is None:
            return
        parts: list[Content] = []
        for option in question.options:
            label = clean(option.label)
            parts += [
                Content.styled(clean(option.key), "bold $accent" if self.has_focus else "bold $dim"),
                Content.styled(f" {label}", "$foreground" if self.has_focus else "$dim"),
                Content.styled(" · ", "$dim"),
            ]
        parts = parts[:-1] if self.has_focus else [*parts, Content.styled("Tab to answer", "$dim")]
        self._keys.update(Content.assemble(" ", *parts))

    def _wait_for_quiet(self, seconds: float) -> None:
        self._stop_timer()
        self._focus_timer = self.set_timer(seconds, self._take_focus)

    def _take_focus(self) -> None:
        self._focus_timer = None
        if self.current is None or self.screen is not self.app.screen:
            return
        quiet = self._seconds_since_key()
        if quiet >= _QUIET_SECONDS:
            self.focus()
        else:
            self._wait_for_quiet(_QUIET_SECONDS - quiet)

    def _stop_timer(self) -> None:
        if self._focus_timer is not None:
            self._focus_timer.stop()
            self._focus_timer = None

    def watch_has_focus(self, has_focus: bool) -> None:
        """Letters answer from here on, or no longer."""
        super().watch_has_focus(has_focus)
        if has_focus:
            self._stop_timer()
        self._show_keys()

    def on_key(self, event: events.Key) -> None:
        """A letter of an option answers; keys for scrolling scroll; Tab goes back; anything else is for the composer."""
        if not self.has_focus or self.current is None or event.key in _PASSED_ON:
            return
        option = self._option(event.character)
        if option is not None:
            self._choose(option)
        elif event.key == "tab":
            self.post_message(self.Left())
        elif not self._diff.take_key(event.key):
            if event.is_printable and event.character and "+" not in event.key.rstrip("+"):
                self.post_message(self.Typed(event.character))
            else:
                return
        event.stop()
        event.prevent_default()

    def _option(self, character: str | None) -> Option | None:
        options = self.current.options if self.current else ()
        if character and character.isdecimal() and 0 < int(character) <= len(options):
            return options[int(character) - 1]
        return next((option for option in options if option.key == character), None)

    def _choose(self, option: Option) -> None:
        if option.wants_text:
            self._refusal = option
            self._keys.display = False
            self._reason.display = True
            self._reason.value = ""
            self._reason.focus()
        else:
            self._answer(Answer(answer=option.answer))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The reason is written."""
        event.stop()
        if self._refusal is not None:
            self._answer(Answer(answer=self._refusal.answer, text=event.value.strip()))

    def _close_reason(self) -> None:
        self._refusal = None
        self._keys.display = True
        self._reason.display = False

    def _answer(self, answer: Answer) -> None:
        question = self.current
        if question is not None:
            self.post_message(self.Answered(question.id, answer))
            self.drop(question.id)
