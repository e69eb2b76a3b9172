"""Ask the user and wait: the question and its answer are both events, also when the wait is cut short."""

from __future__ import annotations

import asyncio

from dsterm.core.questions import Answer, QuestionAnswered, QuestionAsked
from dsterm.engine.live import LiveSession
from dsterm.engine.questions import DENY


async def ask(live: LiveSession, question: QuestionAsked) -> Answer:
    """The user's answer; a cancelled wait counts as a refusal and goes on as a cancellation."""
    live.emit(question)
    try:
        answer = await live.questions.wait(question.id)
    except asyncio.CancelledError:
        live.emit(QuestionAnswered(id=question.id, answer=Answer(answer=DENY), by="policy"))
        raise
    live.emit(QuestionAnswered(id=question.id, answer=answer))
    return answer
