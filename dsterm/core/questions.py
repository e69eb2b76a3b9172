"""Questions to the user and their answers. Kept beside core.events, whose Event union the two ends belong to."""

from __future__ import annotations

import msgspec

from dsterm.core.review import FileReview
from dsterm.core.tools import Plan

REFUSAL = "deny"
"""The answer of the option that says no."""


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One way to answer a question: the key to press, the answer it gives, and its words. `wants_text` asks for a reason."""

    key: str
    answer: str
    label: str
    wants_text: bool = False


class QuestionAsked(msgspec.Struct, frozen=True, kw_only=True, tag="QuestionAsked"):
    """The engine waits for `answer(id, ...)`; `call_id` names the tool call that it is about.

    `plan` is what the question is about where that is not what the call first wanted. `reasons` say why it asks.
    """

    id: str
    text: str
    options: tuple[Option, ...]
    call_id: str = ""
    plan: Plan | None = None
    reasons: tuple[str, ...] = ()

    @property
    def refusal(self) -> Option | None:
        """The option that says no; None where nothing waits for a yes, so that Esc is not for the question."""
        return next((option for option in self.options if option.wants_text or option.answer == REFUSAL), None)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a question: an option's `answer`, the words that came with it, and what was made of each file."""

    answer: str
    text: str = ""
    reviews: tuple[FileReview, ...] = ()


class QuestionAnswered(msgspec.Struct, frozen=True, kw_only=True, tag="QuestionAnswered"):
    """A question got its answer; `by` is `user` or `policy`."""

    id: str
    answer: Answer
    by: str = "user"
