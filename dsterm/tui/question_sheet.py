"""What a question shows: what is asked and why, all of what it is about, and the keys, however little room there is."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from dsterm.core.questions import QuestionAsked
from dsterm.render.style import EMPTY, Line, Span, Style
from dsterm.tui.lines_view import LinesView
from dsterm.tui.paint import Painter
from dsterm.tui.question_keys import key_rows, key_words
from dsterm.tui.review import Review

MOST_HEAD = 8
"""Lines of what is asked that stand still; what is more scrolls with the rest."""

_MOST_SHARE = 0.7
_FEWEST_ROWS = 3


class QuestionSheet(Vertical, can_focus=False):
    """Draws one question with its review. What is asked and the keys stand still, what lies between them scrolls."""

    def __init__(self, painter: Painter) -> None:
        super().__init__()
        self._asked: tuple[QuestionAsked, Review] | None = None
        self._is_active = False
        self.is_split = False
        self.is_full = False
        self._head = LinesView(painter)
        self._body = LinesView(painter, self.draw_keys)
        self._keys = Static(markup=False, classes="question-keys")

    def compose(self) -> ComposeResult:
        """What is asked, what it is about, the keys."""
        yield self._head
        yield self._body
        yield self._keys

    def show(self, question: QuestionAsked, review: Review) -> None:
        """Draw the question as it stands."""
        self._asked = (question, review)
        self._body.display = review.has_body or len(self._still_lines(review, self._width)) > MOST_HEAD
        self._head.set_source(self._head_lines)
        self._body.set_source(self._body_lines)
        self.draw_keys()

    def clear(self) -> None:
        """Nothing is asked any more."""
        self._asked = None

    def set_active(self, *, is_active: bool) -> None:
        """Whether letters answer now."""
        self._is_active = is_active
        self.draw_keys()

    def set_full(self, *, is_full: bool) -> None:
        """Over the whole screen, or no higher than it must."""
        self.is_full = is_full
        self._body.fill(is_filling=is_full)
        self.draw_keys()

    def set_keys_shown(self, *, is_shown: bool) -> None:
        """Show the keys, or something else in their place."""
        self._keys.display = is_shown

    def take_key(self, key: str) -> bool:
        """Scroll, if `key` means that."""
        return self._body.take_key(key)

    def draw_keys(self) -> None:
        """The options; the accent says that letters answer. Where not all is in sight, it says how much is."""
        if self._asked is None:
            return
        question, review = self._asked
        pairs = key_words(question.options, review, is_split=self.is_split, is_full=self.is_full)
        rows = key_rows(pairs, self._width, is_active=self._is_active)
        # What scrolls gives way to what doesn't.
        still = len(self._head_lines(self._width)) + len(rows) + 2
        self._body.set_most(max(_FEWEST_ROWS, int(self.app.size.height * _MOST_SHARE) - still))
        first, last, total = self._body.in_sight
        if self._body.display and last - first + 1 < total:
            place = f" lines {first}-{last} of {total} · PgUp and PgDn show the rest"
            rows = [Content.styled(place, "$warning" if last < total else "$dim"), *rows]
        self._keys.update(Content("\n").join(rows))

    def on_resize(self, _event: events.Resize) -> None:
        """Keys depend on the width."""
        self.call_after_refresh(self.draw_keys)

    @property
    def _width(self) -> int:
        return (self.content_size.width or self.app.size.width - 1) - 1

    def _head_lines(self, width: int) -> list[Line]:
        if self._asked is None:
            return []
        lines = self._still_lines(self._asked[1], width)
        if len(lines) <= MOST_HEAD:
            return lines
        return [*lines[: MOST_HEAD - 1], Line((Span("   … all of it stands below", Style.WARNING),))]

    def _still_lines(self, review: Review, width: int) -> list[Line]:
        return [*review.asked(width), *([] if self._is_said_below(review) else review.said(width))]

    def _is_said_below(self, review: Review) -> bool:
        """Whether there is so much to say about a command that it stands below it: the command itself is always in sight."""
        asked, said = review.asked(self._width), review.said(self._width)
        return review.command is not None and len(asked) + len(said) > MOST_HEAD >= len(asked)

    def _body_lines(self, width: int) -> list[Line]:
        if self._asked is None:
            return []
        review = self._asked[1]
        head = self._still_lines(review, width)
        body = review.body(width, is_split=self.is_split)
        if self._is_said_below(review):
            return [*body, *review.said(width)]
        return [*head, EMPTY, *body] if len(head) > MOST_HEAD else body
