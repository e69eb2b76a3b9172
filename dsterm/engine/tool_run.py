"""The tool calls of one message: plan, decide, ask, run, result. Reads run side by side, writes one at a time and in order.

Every call ends with ToolEnded: refused, unknown, failed, cut off and cancelled ones too.
"""

from __future__ import annotations

import asyncio

import msgspec

from dsterm.core.errors import DiskError, ToolError, WorkspaceError
from dsterm.core.events import TasksChanged, ToolEnded, ToolProgress, ToolRequested
from dsterm.core.messages import ToolCall
from dsterm.core.tools import Effect, Outcome, PreparedCall, ToolResult
from dsterm.engine.approval import approve
from dsterm.engine.live import LiveSession
from dsterm.engine.questions import NOBODY_TO_ASK
from dsterm.engine.saved_run import run_saved
from dsterm.engine.uninterrupted import uninterrupted
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
            decided = await _decided(live, call, prepared)
            if isinstance(decided, ToolResult):
                end(call, decided)
                continue
            prepared = decided
            if _only_reads(prepared):
                reads.append(asyncio.create_task(run_one(call, prepared)))
            elif _is_brief(prepared):
                await uninterrupted(run_one(call, prepared))
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


def _is_brief(prepared: PreparedCall) -> bool:
    """Whether the call is over in a moment once it runs, so that it is let finish and its true end is told."""
    return Effect.WRITE in prepared.plan.effects and set(prepared.plan.effects) <= {Effect.READ, Effect.WRITE}


async def _prepare(live: LiveSession, call: ToolCall) -> PreparedCall | ToolResult:
    """The planned call, or the result that says why it can't be."""
    try:
        return await live.parts.toolbox.prepare(call.name, parse_arguments(call.arguments))
    except (ToolError, WorkspaceError) as error:
        return ToolResult(outcome=Outcome.FAILED, content=str(error))


async def _decided(live: LiveSession, call: ToolCall, prepared: PreparedCall) -> PreparedCall | ToolResult:
    """What may run: the call, or what the user made of it; else the result that says why not."""
    decision = decide(call.name, prepared.plan.effects, live.rules())
    if decision.verdict is Verdict.ALLOW:
        return prepared
    if decision.verdict is Verdict.DENY:
        return ToolResult(outcome=Outcome.REFUSED, content=decision.reason, summary="not allowed")
    if not live.parts.can_ask:
        content = (
            f"Not allowed: {decision.reason}, and nobody can be asked in this run. Say what you would have changed."
        )
        return ToolResult(outcome=Outcome.REFUSED, content=content, summary=NOBODY_TO_ASK)
    return await approve(live, call, prepared)


async def _run(live: LiveSession, call: ToolCall, prepared: PreparedCall) -> ToolResult:
    clock = live.parts.clock
    started = clock.monotonic()
    try:
        result = await run_saved(live, call.id, prepared, lambda text: live.emit(ToolProgress(id=call.id, text=text)))
    except (ToolError, WorkspaceError, DiskError) as error:
        result = ToolResult(outcome=Outcome.FAILED, content=str(error))
    return msgspec.structs.replace(result, seconds=round(clock.monotonic() - started, 3))
