"""Questions that wait for an answer, by id. The question itself is an event; the answer is a call with its id."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from dsterm.core.command_plan import Confinement
from dsterm.core.questions import REFUSAL, Answer, Option, QuestionAsked
from dsterm.core.review import EDITED, REVIEWED, ProposedFile
from dsterm.core.tools import Effect, Plan

ONCE = "once"
SESSION = "session"
ALWAYS = "always"
DENY = REFUSAL
NOBODY_TO_ASK = "nobody to ask"
"""The summary of a call that needed a yes where none can be given."""


_AGAIN = {
    Confinement.SANDBOX: "Run this command again?",
    Confinement.NETWORK: "Run it again, with the network?",
    Confinement.OPEN: "Run it again, without the sandbox?",
}


def command_question(
    question_id: str, call_id: str, plan: Plan, reasons: tuple[str, ...], rule: str, *, is_again: bool = False
) -> QuestionAsked:
    """Ask whether the shown command may run, and why it asks; `rule` is what "always" would keep, empty for nothing.

    `is_again`: it ran already, and would get what it lacked.
    """
    always = (Option(key="p", answer=ALWAYS, label=f"always in this project: {rule}"),) if rule else ()
    return QuestionAsked(
        id=question_id,
        call_id=call_id,
        text=_AGAIN[plan.command.confinement] if is_again and plan.command else "Run this command?",
        plan=plan,
        reasons=reasons,
        options=(
            Option(key="y", answer=ONCE, label="yes, once"),
            Option(key="a", answer=SESSION, label="exactly this, for this session"),
            *always,
            Option(key="n", answer=DENY, label="no, because …", wants_text=True),
        ),
    )


def read_question(question_id: str, call_id: str, plan: Plan, reasons: tuple[str, ...]) -> QuestionAsked:
    """Ask whether something that looks secret may be read by the model."""
    return QuestionAsked(
        id=question_id,
        call_id=call_id,
        text=f"Let the model read {plan.subject}?",
        reasons=reasons,
        options=(
            Option(key="y", answer=ONCE, label="yes, once"),
            Option(key="a", answer=SESSION, label="exactly this, for this session"),
            Option(key="n", answer=DENY, label="no, because …", wants_text=True),
        ),
    )


def edit_question(
    question_id: str, call_id: str, plan: Plan, reasons: tuple[str, ...] = (), *, can_review: bool = False
) -> QuestionAsked:
    """Ask whether the shown change may be made; `can_review`: also in part, or as the user writes it."""
    is_secret = Effect.SECRETS in plan.effects
    review = (
        Option(key="h", answer=REVIEWED, label="hunk by hunk"),
        Option(key="e", answer=EDITED, label="edit"),
    )
    return QuestionAsked(
        id=question_id,
        call_id=call_id,
        text=f"Change {plan.subject}?",
        reasons=reasons if is_secret else (),
        options=(
            Option(key="y", answer=ONCE, label="yes"),
            Option(key="a", answer=SESSION, label="this file, this session" if is_secret else "all edits this session"),
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

    def refuse_all(self) -> None:
        """Answer every question that still waits with a no."""
        for question_id in tuple(self._waiting):
            self.answer(question_id, Answer(answer=DENY))

    def answer(self, question_id: str, answer: Answer) -> None:
        """Give the answer; a question that no longer waits is left alone."""
        future = self._waiting.get(question_id)
        if future is not None and not future.done():
            future.set_result(answer)
