"""Questions that wait for an answer, by id. The question itself is an event; the answer is a call with its id."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from dsterm.core.questions import Answer, Option, QuestionAsked
from dsterm.core.review import EDITED, REVIEWED, ProposedFile

ONCE = "once"
SESSION = "session"
DENY = "deny"
NOBODY_TO_ASK = "nobody to ask"
"""The summary of a call that needed a yes where none can be given."""


def edit_question(question_id: str, call_id: str, subject: str, *, can_review: bool = False) -> QuestionAsked:
    """Ask whether the shown change may be made; `can_review`: also in part, or as the user writes it."""
    review = (
        Option(key="h", answer=REVIEWED, label="hunk by hunk"),
        Option(key="e", answer=EDITED, label="edit"),
    )
    return QuestionAsked(
        id=question_id,
        call_id=call_id,
        text=f"Change {subject}?",
        options=(
            Option(key="y", answer=ONCE, label="yes"),
            Option(key="a", answer=SESSION, label="all edits this session"),
            *(review if can_review else ()),
            Option(key="n", answer=DENY, label="no, because …", wants_text=True),
        ),
    )


class PendingQuestions:
    """Who waits for which answer."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[Answer]] = {}
        self._proposed: dict[str, tuple[ProposedFile, ...]] = {}

    @contextmanager
    def offering(self, question_id: str, files: tuple[ProposedFile, ...]) -> Iterator[None]:
        """While the question waits, `files` are what it proposes."""
        self._proposed[question_id] = files
        try:
            yield
        finally:
            del self._proposed[question_id]

    def proposed(self, question_id: str) -> tuple[ProposedFile, ...]:
        """The files that the question is about, as they would be; none once it is answered."""
        return self._proposed.get(question_id, ())

    async def wait(self, question_id: str) -> Answer:
        """The answer to `question_id`, once it is given."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[question_id] = future
        try:
            return await future
        finally:
            self._waiting.pop(question_id, None)

    def answer(self, question_id: str, answer: Answer) -> None:
        """Give the answer; a question that no longer waits is left alone."""
        future = self._waiting.get(question_id)
        if future is not None and not future.done():
            future.set_result(answer)
