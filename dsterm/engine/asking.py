"""Ask the user and wait: the question and its answer are both events, also when the wait is cut short."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from dsterm.core.questions import Answer, QuestionAnswered, QuestionAsked
from dsterm.engine.live import LiveSession
from dsterm.engine.masked_words import masked_words
from dsterm.engine.questions import DENY


async def ask(live: LiveSession, question: QuestionAsked, *, is_for_model: bool = False) -> Answer:
    """The user's answer; a cancelled wait counts as a refusal and goes on as a cancellation.

    What looks like a key in a reason is masked before it is kept, and in texts of the user's that are `is_for_model`.
    """
    live.emit(question)
    try:
        answer = await live.questions.wait(question.id)
    except asyncio.CancelledError:
        live.emit(QuestionAnswered(id=question.id, answer=Answer(answer=DENY), by="policy"))
        raise
    answer = _masked(live, answer, is_for_model=is_for_model)
    live.emit(QuestionAnswered(id=question.id, answer=answer))
    return answer


def _masked(live: LiveSession, answer: Answer, *, is_for_model: bool) -> Answer:
    reviews = answer.reviews
    if is_for_model:
        reviews = tuple(
            replace(review, text=masked_words(live, review.text)) if review.text is not None else review
            for review in reviews
        )
    return replace(answer, text=masked_words(live, answer.text), reviews=reviews)
