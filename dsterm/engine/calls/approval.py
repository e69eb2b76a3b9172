"""Ask the user about a call, and make of the answer the call that runs, or the result that says why none does."""

from __future__ import annotations

import asyncio

from dsterm.core.command_plan import CommandRule
from dsterm.core.errors import DiskError, ToolError, UsageError, WorkspaceError
from dsterm.core.events import NoticeLevel
from dsterm.core.messages import ToolCall
from dsterm.core.questions import Answer
from dsterm.core.review import EDITED, REVIEWED
from dsterm.core.tools import Effect, Outcome, Plan, PreparedCall, ToolResult
from dsterm.engine.asking import ask
from dsterm.engine.calls.partial import is_untouched, revised_call
from dsterm.engine.calls.review import propose, proposed_files
from dsterm.engine.live import LiveSession
from dsterm.engine.questions import ALWAYS, ONCE, SESSION, command_question, edit_question, read_question
from dsterm.policy.permissions import exact_call
from dsterm.policy.rules import rule_words, rules_for


async def approve(live: LiveSession, call: ToolCall, prepared: PreparedCall, reason: str) -> PreparedCall | ToolResult:
    """`prepared`, or what the user makes of it, or a refusal with the user's reason; `reason` is why the rules ask."""
    if prepared.plan.command is not None:
        answer = await ask_about_command(live, call.name, prepared.plan, reason, call.id)
        return prepared if is_yes(answer) else _refusal("The user refused this command.", answer)
    if Effect.WRITE in prepared.plan.effects:
        return await _approve_change(live, call, prepared, reason)
    answer = await ask(
        live, read_question(live.parts.new_id(), call.id, prepared.plan, (reason, *prepared.plan.concerns))
    )
    if answer.answer == SESSION:
        live.granted_calls |= {exact_call(call.name, prepared.plan)}
    return prepared if is_yes(answer) else _refusal("The user does not let you read this.", answer)


async def ask_about_command(
    live: LiveSession, tool: str, plan: Plan, reason: str, call_id: str = "", *, is_again: bool = False
) -> Answer:
    """The answer about a command: one of a tool call, the same with what it lacked, or one of dsterm's own (a check).

    What it grants is noted, and a rule is kept only as it was shown.
    """
    rules = rules_for(plan.command) if plan.command and Effect.OUTSIDE not in plan.effects else ()
    words = ", ".join(rule_words(rule) for rule in rules)
    # What it lacked is the first concern of a command that would run again, and the first thing to know.
    reasons = (*plan.concerns[:1], reason, *plan.concerns[1:]) if is_again else (reason, *plan.concerns)
    question = command_question(live.parts.new_id(), call_id, plan, reasons, words, is_again=is_again)
    answer = await ask(live, question)
    if answer.answer == SESSION:
        live.granted_calls |= {exact_call(tool, plan)}
    if answer.answer == ALWAYS and rules:
        await _keep(live, rules)
    if answer.answer == ONCE:
        await _count(live, rules)
    return answer


async def _keep(live: LiveSession, rules: tuple[CommandRule, ...]) -> None:
    """Keep `rules`; where that fails the command that was allowed runs all the same, and the user is told that it asks again."""
    trust, folder = live.parts.trust, live.parts.folder
    kept: list[str] = []
    for rule in rules:
        try:
            await asyncio.to_thread(trust.keep_rule, folder, rule)
            kept.append(rule_words(rule))
        except (DiskError, UsageError) as error:
            live.notice(f"Not kept, so it will ask again: {rule_words(rule)}. {error}", NoticeLevel.WARNING)
    if kept:
        live.notice(f"Kept for this project: {', '.join(kept)}. /permissions lists and removes rules.")


async def _count(live: LiveSession, rules: tuple[CommandRule, ...]) -> None:
    """Count what was allowed once, for /permissions suggest; nothing depends on it."""
    trust, folder = live.parts.trust, live.parts.folder
    try:
        for rule in rules:
            await asyncio.to_thread(trust.note_approved, folder, rule.words, rule.confinement)
    except (DiskError, UsageError) as error:
        live.warn_of_grants(str(error))


async def _approve_change(
    live: LiveSession, call: ToolCall, prepared: PreparedCall, reason: str
) -> PreparedCall | ToolResult:
    workspace = live.parts.workspace
    plan = prepared.plan
    proposals = await asyncio.to_thread(propose, workspace, plan)
    question = edit_question(live.parts.new_id(), call.id, plan, (reason, *plan.concerns), can_review=bool(proposals))
    with live.questions.offering(question.id, proposed_files(proposals)):
        answer = await ask(live, question)
    if answer.answer == SESSION:
        if Effect.SECRETS in plan.effects:
            live.granted_calls |= {exact_call(call.name, plan)}
        else:
            live.granted |= set(plan.effects)
    if is_yes(answer):
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
    return _refusal("The user refused this change.", answer)


def is_yes(answer: Answer) -> bool:
    """Whether what was asked about may happen."""
    return answer.answer in {ONCE, SESSION, ALWAYS}


def _refusal(words: str, answer: Answer) -> ToolResult:
    reason = answer.text.strip()
    content = words + (f" Their reason: {reason}" if reason else "")
    return ToolResult(outcome=Outcome.REFUSED, content=content, summary=f"refused: {reason}" if reason else "refused")
