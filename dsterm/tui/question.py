"""A question of the engine, docked above the composer: what it is about, and the keys that answer it.

It stands behind a bar in the first column of the screen, which nothing in the transcript ever reaches: no words of a model,
a file or a command can look like it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from dsterm.core.diff import FileDiff
from dsterm.core.questions import Answer, Option, QuestionAsked
from dsterm.core.review import EDITED, REVIEWED, FileReview, ProposedFile
from dsterm.core.tools import Plan
from dsterm.tui.letter_hold import ENTER, LetterHold, written
from dsterm.tui.paint import Painter
from dsterm.tui.question_keys import FULL_KEY, SPLIT_KEY, WALK_KEYS, offered
from dsterm.tui.question_sheet import QuestionSheet
from dsterm.tui.quiet_focus import QuietFocus
from dsterm.tui.review import Review, Walk

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
        """Keys that mean nothing here, or a paste, which is never an answer; the composer takes them."""

        def __init__(self, text: str, *, is_paste: bool = False) -> None:
            self.text = text
            self.is_paste = is_paste
            super().__init__()

    class Left(Message):
        """The focus goes back to the composer."""

    class EditWanted(Message):
        """The user wants the proposal in an editor; `take_edits` brings back what comes of it."""

        def __init__(self, question_id: str) -> None:
            self.question_id = question_id
            super().__init__()

    class Resized(Message):
        """The change wants the whole screen, or no longer."""

        def __init__(self, *, is_full: bool) -> None:
            self.is_full = is_full
            super().__init__()

    def __init__(self, painter: Painter, quiet_seconds: Callable[[], float]) -> None:
        super().__init__()
        self.display = False
        self._waiting: deque[tuple[QuestionAsked, Review]] = deque()
        self._hold = LetterHold(self, self._act)
        self._refusal: Option | None = None
        self._quiet = QuietFocus(self, quiet_seconds, self._wants_focus)
        self._sheet = QuestionSheet(painter)
        self._reason = Input(placeholder="because … (Enter sends, Esc goes back)", classes="question-reason")

    def compose(self) -> ComposeResult:
        """What is asked, and the line for a reason."""
        yield self._sheet
        self._reason.display = False
        yield self._reason

    @property
    def current(self) -> QuestionAsked | None:
        """The question on the screen."""
        return self._waiting[0][0] if self._waiting else None

    @property
    def goes_back(self) -> bool:
        """Whether Esc leads back to the keys instead of refusing."""
        is_walking = bool(self._waiting) and self._waiting[0][1].walk is not None
        return self._refusal is not None or is_walking or self._sheet.is_full

    def ask(self, question: QuestionAsked, plan: Plan | None, texts: Sequence[ProposedFile] = ()) -> None:
        """Put a question about `plan` in line; `texts` are what it proposes, where that is neither a change nor a command."""
        self._waiting.append((question, Review(question, plan, texts)))
        if len(self._waiting) == 1:
            self._show()

    def drop(self, question_id: str) -> None:
        """The question is settled, by whomever."""
        was_current = self.current is not None and self.current.id == question_id
        self._waiting = deque(each for each in self._waiting if each[0].id != question_id)
        if was_current:
            self._show()

    def drop_calls(self) -> None:
        """The turn is over: no question about its calls or its requests waits any more."""
        for question, _ in tuple(self._waiting):
            if question.call_id or question.refusal is None:
                self.drop(question.id)

    def drop_all(self) -> None:
        """Nothing waits for an answer."""
        self._waiting.clear()
        self._show()

    def is_of_change(self, question_id: str) -> bool:
        """Whether the question is about a change of files, which is shown as a diff."""
        return any(review.is_of_change for question, review in self._waiting if question.id == question_id)

    def take_edits(
        self,
        question_id: str,
        edits: tuple[FileReview, ...],
        diffs: Sequence[FileDiff] = (),
        texts: Sequence[ProposedFile] = (),
    ) -> None:
        """The user edited the proposal; it is shown so, and a yes takes it so."""
        if self._waiting and self._waiting[0][0].id == question_id:
            self._waiting[0][1].edit(edits, diffs, texts)
            self._show_subject()

    def escape(self) -> bool:
        """Esc: from the reason or the hunks back to the keys, from the full screen to the dock, else refuse.

        False when nothing is asked, or nothing that can be refused.
        """
        question = self.current
        self._hold.take()
        if question is None:
            return False
        review = self._waiting[0][1]
        if self._refusal is not None:
            self._close_reason()
            self.focus()
        elif review.walk is not None:
            review.walk = None
            self._show_subject()
        elif self._sheet.is_full:
            self._set_full(is_full=False)
        elif question.refusal is not None:
            self._answer(Answer(answer=question.refusal.answer))
        else:
            return False
        return True

    def _show(self) -> None:
        self._close_reason()
        question = self.current
        had_focus = self.has_focus_within
        if question is None:
            self._sheet.clear()
        self.display = question is not None
        self._hold.take()
        if question is None:
            self._set_full(is_full=False)
            self._quiet.stop()
            if had_focus:
                self.post_message(self.Left())
            return
        self._show_subject()
        self._quiet.begin()

    def _show_subject(self) -> None:
        self._sheet.show(*self._waiting[0])

    def _set_full(self, *, is_full: bool) -> None:
        if is_full != self._sheet.is_full:
            self._sheet.set_full(is_full=is_full)
            self.post_message(self.Resized(is_full=is_full))

    def _wants_focus(self) -> bool:
        return self.current is not None and self.screen is self.app.screen

    def watch_has_focus(self, has_focus: bool) -> None:
        """Letters answer from here on, or no longer."""
        super().watch_has_focus(has_focus)
        if has_focus:
            self._quiet.stop()
        self._sheet.set_active(is_active=has_focus)

    def on_key(self, event: events.Key) -> None:
        """A letter of an option answers; keys for scrolling scroll; Tab goes back; anything else is for the composer."""
        if not self.has_focus or self.current is None or event.key in _PASSED_ON:
            return
        if event.key == "tab":
            self._leave(self.Left())
        elif letter := written(event, takes_enter=self._option(ENTER) is not None):
            if self._quiet.is_waiting:
                # The question has only just taken the place of another one: this letter is not for it.
                event.stop()
                event.prevent_default()
                return
            letters = self._hold.put(letter, event.time, is_meant=self._means_something(letter))
            if letters:
                self._leave(self.Typed(letters))
        elif not self._sheet.take_key(event.key):
            return
        event.stop()
        event.prevent_default()

    def on_paste(self, event: events.Paste) -> None:
        """Never an answer."""
        event.stop()
        self._hold.take()
        self._leave(self.Typed(event.text, is_paste=True))

    def _act(self, letter: str) -> None:
        if self.current is None or not self.has_focus:
            return
        review = self._waiting[0][1]
        if letter == SPLIT_KEY and review.diffs:
            self._sheet.is_split = not self._sheet.is_split
            self._show_subject()
        elif letter == FULL_KEY and review.is_long:
            self._set_full(is_full=not self._sheet.is_full)
        elif review.walk is not None:
            self._step(review.walk, letter)
        elif (option := self._option(letter)) is not None:
            self._choose(option, review)

    def _means_something(self, letter: str) -> bool:
        review = self._waiting[0][1]
        if (review.diffs and letter == SPLIT_KEY) or (review.is_long and letter == FULL_KEY):
            return True
        return letter in WALK_KEYS if review.walk is not None else self._option(letter) is not None

    def _leave(self, message: Message) -> None:
        self._set_full(is_full=False)
        self.post_message(message)

    def _step(self, walk: Walk, letter: str) -> None:
        walk.take_key(letter)
        if walk.is_over:
            self._answer(walk.answer())
        else:
            self._show_subject()

    def _option(self, character: str) -> Option | None:
        if not self._waiting:
            return None
        question, review = self._waiting[0]
        options = offered(question.options, review)
        if character.isdecimal() and 0 < int(character) <= len(options):
            return options[int(character) - 1]
        key = "Enter" if character == ENTER else character
        return next((option for option in options if option.key == key), None)

    def _choose(self, option: Option, review: Review) -> None:
        if option.wants_text:
            self._set_full(is_full=False)
            self._refusal = option
            self._sheet.set_keys_shown(is_shown=False)
            self.add_class("-reason")
            self._reason.display = True
            self._reason.value = ""
            self._reason.focus()
        elif option.answer == EDITED and self.current is not None:
            self.post_message(self.EditWanted(self.current.id))
        elif option.answer == REVIEWED:
            if not review.edits:
                review.begin_walk()
                self._show_subject()
        elif review.edits and self._option("1") is option:
            self._answer(review.edited())
        else:
            self._answer(Answer(answer=option.answer))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The reason is written."""
        event.stop()
        if self._refusal is not None:
            self._answer(Answer(answer=self._refusal.answer, text=event.value.strip()))

    def _close_reason(self) -> None:
        self._refusal = None
        self._sheet.set_keys_shown(is_shown=True)
        self.remove_class("-reason")
        self._reason.display = False

    def _answer(self, answer: Answer) -> None:
        question = self.current
        if question is not None:
            self.post_message(self.Answered(question.id, answer))
            self.drop(question.id)
