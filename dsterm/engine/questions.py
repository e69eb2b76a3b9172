"""Questions that wait for an answer, by id. The question itself is an event; the answer is a call with its id."""

from __future__ import annotations

import asyncio

from dsterm.core.events import Answer, Option, QuestionAsked

ONCE = "once"
SESSION = "session"
DENY = "deny"
NOBODY_TO_ASK = "nobody to ask"
"""The summary of a call that needed a yes where none can be given."""


def edit_question(question_id: str, call_id: str, subject: str) -> QuestionAsked:
    """Ask whether the shown change may be made."""
    return QuestionAsked(
        id=question_id,
        call_id=call_id,
        text=f"Change {subject}?",
        options=(
            Option(key="y", answer=ONCE, label="yes"),
            Option(key="a", answer=SESSION, label="all edits this session"),
            Option(key="n", answer=DENY, label="no, because …", wants_text=True),
        ),
    )


class PendingQuestions:
    """Who waits for which answer."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[Answer]] = {}

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
