"""Ask the user about a change, and make of the answer the call that runs, or the result that says why none does."""

from __future__ import annotations

import asyncio

from dsterm.core.errors import ToolError, WorkspaceError
from dsterm.core.messages import ToolCall
from dsterm.core.review import EDITED, REVIEWED
from dsterm.core.tools import Outcome, PreparedCall, ToolResult
from dsterm.engine.asking import ask
from dsterm.engine.live import LiveSession
from dsterm.engine.partial import is_untouched, revised_call
from dsterm.engine.questions import ONCE, SESSION, edit_question
from dsterm.engine.review import propose, proposed_files


async def approve(live: LiveSession, call: ToolCall, prepared: PreparedCall) -> PreparedCall | ToolResult:
    """`prepared`, or what the user makes of it, or a refusal with the user's reason."""
    workspace = live.parts.workspace
    proposals = await asyncio.to_thread(propose, workspace, prepared.plan)
    question = edit_question(live.parts.new_id(), call.id, prepared.plan.subject, can_review=bool(proposals))
    with live.questions.offering(question.id, proposed_files(proposals)):
        answer = await ask(live, question)
    if answer.answer == SESSION:
        live.granted |= set(prepared.plan.effects)
    if answer.answer in {ONCE, SESSION}:
        return prepared
    if answer.answer in {REVIEWED, EDITED} and proposals:
        if is_untouched(proposals, answer.reviews):
            return prepared
        try:
            revised = await asyncio.to_thread(revised_call, workspace, proposals, answer.reviews)
        except (ToolError, WorkspaceError) as error:
            return ToolResult(outcome=Outcome.FAILED, content=str(error))
        if revised is not None:
            return revised
    reason = answer.text.strip()
    content = "The user refused this change." + (f" Their reason: {reason}" if reason else "")
    return ToolResult(outcome=Outcome.REFUSED, content=content, summary=f"refused: {reason}" if reason else "refused")
