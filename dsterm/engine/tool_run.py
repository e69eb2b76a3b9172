"""The tool calls of one message: plan, decide, ask, run, result. Reads run side by side, writes one at a time and in order.

Every call ends with ToolEnded: refused, unknown, failed, cut off and cancelled ones too.
"""

from __future__ import annotations

import asyncio

import msgspec

from dsterm.core.errors import ToolError, WorkspaceError
from dsterm.core.events import Answer, QuestionAnswered, TasksChanged, ToolEnded, ToolProgress, ToolRequested
from dsterm.core.messages import ToolCall
from dsterm.core.tools import Effect, Outcome, PreparedCall, ToolResult
from dsterm.engine.live import LiveSession
from dsterm.engine.questions import DENY, NOBODY_TO_ASK, ONCE, SESSION, edit_question
from dsterm.llm.repair import parse_arguments
from dsterm.policy.permissions import Verdict, decide


async def run_calls(live: LiveSession, calls: tuple[ToolCall, ...]) -> None:
    """Answer every call. On cancellation those without an answer get one, and CancelledError goes on."""
    unanswered = {call.id: call for call in calls}
    reads: list[asyncio.Task[None]] = []

    def end(call: ToolCall, result: ToolResult) -> None:
        unanswered.pop(call.id, None)
        live.emit(ToolEnded(id=call.id, result=result))
        if result.tasks is not None:
            live.emit(TasksChanged(tasks=result.tasks))

    async def run_one(call: ToolCall, prepared: PreparedCall) -> None:
        end(call, await _run(live, call, prepared))

    try:
        for call in calls:
            prepared = await _prepare(live, call)
            if reads and (isinstance(prepared, ToolResult) or not _only_reads(prepared)):
                # What a write is planned on may be what these reads are about to record.
                await asyncio.gather(*reads)
                reads.clear()
                prepared = await _prepare(live, call)
            live.emit(ToolRequested(call=call, plan=None if isinstance(prepared, ToolResult) else prepared.plan))
            if isinstance(prepared, ToolResult):
                end(call, prepared)
                continue
            refusal = await _refusal(live, call, prepared)
            if refusal is not None:
                end(call, refusal)
            elif _only_reads(prepared):
                reads.append(asyncio.create_task(run_one(call, prepared)))
            else:
                await run_one(call, prepared)
        await asyncio.gather(*reads)
    except asyncio.CancelledError:
        for task in reads:
            task.cancel()
        await asyncio.gather(*reads, return_exceptions=True)
        for call in tuple(unanswered.values()):
            end(
                call,
                ToolResult(outcome=Outcome.CANCELLED, content="The user stopped the turn before this call was over."),
            )
        raise


def refuse_cut_calls(live: LiveSession, calls: tuple[ToolCall, ...]) -> None:
    """Answer calls whose arguments may be cut off: none of them runs."""
    for call in calls:
        live.emit(ToolRequested(call=call))
        content = "This call was cut off before its end, so it did not run. Split the work into smaller calls."
        live.emit(ToolEnded(id=call.id, result=ToolResult(outcome=Outcome.FAILED, content=content, summary="cut off")))


def _only_reads(prepared: PreparedCall) -> bool:
    return set(prepared.plan.effects) == {Effect.READ}


async def _prepare(live: LiveSession, call: ToolCall) -> PreparedCall | ToolResult:
    """The planned call, or the result that says why it can't be."""
    try:
        return await live.parts.toolbox.prepare(call.name, parse_arguments(call.arguments))
    except (ToolError, WorkspaceError) as error:
        return ToolResult(outcome=Outcome.FAILED, content=str(error))


async def _refusal(live: LiveSession, call: ToolCall, prepared: PreparedCall) -> ToolResult | None:
    """None when the call may run, else the result that says why not."""
    decision = decide(call.name, prepared.plan.effects, live.rules())
    if decision.verdict is Verdict.ALLOW:
        return None
    if decision.verdict is Verdict.DENY:
        return ToolResult(outcome=Outcome.REFUSED, content=decision.reason, summary="not allowed")
    if not live.parts.can_ask:
        content = (
            f"Not allowed: {decision.reason}, and nobody can be asked in this run. Say what you would have changed."
        )
        return ToolResult(outcome=Outcome.REFUSED, content=content, summary=NOBODY_TO_ASK)
    answer = await _ask(live, call, prepared)
    if answer.answer == SESSION:
        live.granted |= set(prepared.plan.effects)
    if answer.answer in {ONCE, SESSION}:
        return None
    reason = answer.text.strip()
    content = "The user refused this change." + (f" Their reason: {reason}" if reason else "")
    summary = f"refused: {reason}" if reason else "refused"
    return ToolResult(outcome=Outcome.REFUSED, content=content, summary=summary)


async def _ask(live: LiveSession, call: ToolCall, prepared: PreparedCall) -> Answer:
    question = edit_question(live.parts.new_id(), call.id, prepared.plan.subject)
    live.emit(question)
    try:
        answer = await live.questions.wait(question.id)
    except asyncio.CancelledError:
        live.emit(QuestionAnswered(id=question.id, answer=Answer(answer=DENY), by="policy"))
        raise
    live.emit(QuestionAnswered(id=question.id, answer=answer))
    return answer


async def _run(live: LiveSession, call: ToolCall, prepared: PreparedCall) -> ToolResult:
    clock = live.parts.clock
    started = clock.monotonic()
    try:
        result = await prepared.run(lambda text: live.emit(ToolProgress(id=call.id, text=text)))
    except (ToolError, WorkspaceError) as error:
        result = ToolResult(outcome=Outcome.FAILED, content=str(error))
    return msgspec.structs.replace(result, seconds=round(clock.monotonic() - started, 3))
