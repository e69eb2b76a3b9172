"""The end of a turn in plan mode: the plan is shown for a decision, and what the user makes of it is the next prompt."""

from __future__ import annotations

import asyncio
import re

from dsterm.core.command_events import PlanDecided, PlanDecision, PlanProposed
from dsterm.core.events import TurnEnd, TurnEnded
from dsterm.core.messages import AssistantMessage
from dsterm.core.models import PermissionMode
from dsterm.core.questions import Answer, Option, QuestionAsked
from dsterm.core.review import EDITED, ProposedFile
from dsterm.engine.asking import ask
from dsterm.engine.live import LiveSession
from dsterm.engine.questions import DENY, ONCE

PLAN_NOTE = (
    "[Plan mode is on: nothing may be changed or run. Read what you need. When the way is clear, answer with a plan "
    "under the heading `# Plan`; the user then accepts, edits or rejects it.]"
)
PLAN_OVER_NOTE = "[Plan mode is off: changes may be made again.]"

_ACCEPTING_EDITS = "accept-edits"
_FILE = "plan.md"
_HEADING = re.compile(r"^#{1,6}[ \t]+(?:[^\w\n]*[ \t])?plan\b", re.IGNORECASE | re.MULTILINE)


async def settle_plan(live: LiveSession, ended: TurnEnded) -> str | None:
    """Where the turn ended with a plan, ask about it; the prompt that carries it on, or None when there is none."""
    plan = _proposed(live, ended)
    if plan is None or not live.parts.can_ask:
        return None
    live.emit(PlanProposed(text=plan))
    question = _question(live.parts.new_id())
    with live.questions.offering(question.id, (ProposedFile(path=_FILE, before=None, text=plan),)):
        try:
            answer = await ask(live, question, is_for_model=True)
        except asyncio.CancelledError:
            live.emit(PlanDecided(decision=PlanDecision.REJECTED))
            raise
    return _next_prompt(live, plan, answer)


def _proposed(live: LiveSession, ended: TurnEnded) -> str | None:
    is_planning = live.permission_mode is PermissionMode.PLAN and not live.only_reads
    message = live.session.messages[-1] if live.session.messages else None
    if not is_planning or ended.reason is not TurnEnd.ANSWERED or not isinstance(message, AssistantMessage):
        return None
    heading = _HEADING.search(message.content)
    return message.content[heading.start() :].strip() if heading else None


def _question(question_id: str) -> QuestionAsked:
    return QuestionAsked(
        id=question_id,
        text="Carry out this plan?",
        options=(
            Option(key="y", answer=ONCE, label="yes, asking before each change"),
            Option(key="a", answer=_ACCEPTING_EDITS, label="yes, accepting edits"),
            Option(key="e", answer=EDITED, label="edit"),
            Option(key="n", answer=DENY, label="no, because …", wants_text=True),
        ),
    )


def _next_prompt(live: LiveSession, plan: str, answer: Answer) -> str | None:
    edited = next((review.text.strip() for review in answer.reviews if review.text is not None), plan)
    if answer.answer == EDITED and edited not in {plan, ""}:
        live.emit(PlanDecided(decision=PlanDecision.EDITED, text=edited))
        live.choose_permissions(PermissionMode.ASK)
        return f"I edited the plan. Carry it out as it stands here:\n\n{edited}"
    if edited and answer.answer in {ONCE, EDITED, _ACCEPTING_EDITS}:
        live.emit(PlanDecided(decision=PlanDecision.ACCEPTED))
        accepts_edits = answer.answer == _ACCEPTING_EDITS
        live.choose_permissions(PermissionMode.ACCEPT_EDITS if accepts_edits else PermissionMode.ASK)
        return "The plan is accepted. Carry it out."
    reason = answer.text.strip()
    live.emit(PlanDecided(decision=PlanDecision.REJECTED, text=reason))
    return f"The plan is rejected: {reason}\nMake another one." if reason else None
