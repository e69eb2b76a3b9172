"""The tool calls of one message: plan, decide, ask, run, result. Reads run side by side, writes one at a time and in order.

Every call ends with ToolEnded: refused, unknown, failed, cut off and cancelled ones too.
"""

from __future__ import annotations

import asyncio

from dsterm.core.errors import ToolError, WorkspaceError
from dsterm.core.events import TasksChanged, ToolEnded, ToolRequested
from dsterm.core.messages import ToolCall
from dsterm.core.tools import Effect, Outcome, PreparedCall, ToolResult
from dsterm.engine.calls.deciding import decided
from dsterm.engine.calls.output_tail import OutputTail
from dsterm.engine.calls.single_run import masked_result, run_call
from dsterm.engine.calls.uninterrupted import uninterrupted
from dsterm.engine.live import LiveSession
from dsterm.llm.repair import parse_arguments

_STOPPED = ToolResult(outcome=Outcome.CANCELLED, content="The user stopped the turn before this call ran.")
_BROKEN = ToolResult(
    outcome=Outcome.UNKNOWN,
    content="dsterm failed before this call was over; whether it took effect is unknown.",
    summary="unknown",
)


async def run_calls(live: LiveSession, calls: tuple[ToolCall, ...]) -> None:
    """Answer every call. Whatever stops them, those without an answer get one, and the error goes on."""
    unanswered = {call.id: call for call in calls}
    tails: dict[str, OutputTail] = {}
    reads: list[asyncio.Task[None]] = []

    def end(call: ToolCall, result: ToolResult) -> None:
        unanswered.pop(call.id, None)
        live.emit(ToolEnded(id=call.id, result=result))
        if result.tasks is not None:
            live.emit(TasksChanged(tasks=result.tasks))

    async def run_one(call: ToolCall, prepared: PreparedCall) -> None:
        tails[call.id] = OutputTail(live.parts.clock.monotonic())
        end(call, await run_call(live, call, prepared, tails[call.id]))

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
            allowed = await decided(live, call, prepared)
            if isinstance(allowed, ToolResult):
                end(call, allowed)
            elif _only_reads(allowed):
                reads.append(asyncio.create_task(run_one(call, allowed)))
            elif _is_brief(allowed):
                await uninterrupted(run_one(call, allowed))
            else:
                await run_one(call, allowed)
        await asyncio.gather(*reads)
    except BaseException as error:
        for task in reads:
            task.cancel()
        await asyncio.gather(*reads, return_exceptions=True)
        for call in tuple(unanswered.values()):
            end(call, _stopped(live, tails.get(call.id)) if isinstance(error, asyncio.CancelledError) else _BROKEN)
        raise


def refuse_cut_calls(live: LiveSession, calls: tuple[ToolCall, ...]) -> None:
    """Answer calls whose arguments may be cut off: none of them runs."""
    for call in calls:
        live.emit(ToolRequested(call=call))
        content = "This call was cut off before its end, so it did not run. Split the work into smaller calls."
        live.emit(ToolEnded(id=call.id, result=ToolResult(outcome=Outcome.FAILED, content=content, summary="cut off")))


def _stopped(live: LiveSession, tail: OutputTail | None) -> ToolResult:
    """The answer to a call that the user stopped, with what it had told by then; one that never began has no `tail`."""
    return _STOPPED if tail is None else masked_result(live, tail.stopped(live.parts.clock.monotonic()))


def _only_reads(prepared: PreparedCall) -> bool:
    return set(prepared.plan.effects) <= {Effect.READ, Effect.INSPECT, Effect.SECRETS}


def _is_brief(prepared: PreparedCall) -> bool:
    """Whether the call is over in a moment once it runs, so that it is let finish and its true end is told."""
    effects = set(prepared.plan.effects)
    return Effect.WRITE in effects and effects <= {Effect.READ, Effect.WRITE, Effect.SECRETS}


async def _prepare(live: LiveSession, call: ToolCall) -> PreparedCall | ToolResult:
    """The planned call, or the result that says why it can't be."""
    try:
        arguments = parse_arguments(call.arguments)
    except ToolError as error:
        return await _prepare_mended(live, call) or _refusal(f"{error}{_schema_hint(live, call.name)}")
    try:
        return await live.parts.toolbox.prepare(call.name, arguments)
    except (ToolError, WorkspaceError) as error:
        return _refusal(str(error))


async def _prepare_mended(live: LiveSession, call: ToolCall) -> PreparedCall | None:
    """The call with its broken JSON mended, if it only reads: for any other a guess may do harm."""
    try:
        arguments = parse_arguments(call.arguments, only_reads=True)
        prepared = await live.parts.toolbox.prepare(call.name, arguments)
    except (ToolError, WorkspaceError):
        return None
    return prepared if _only_reads(prepared) else None


def _schema_hint(live: LiveSession, name: str) -> str:
    for spec in live.parts.toolbox.specs:
        if spec.name == name:
            return f" Its JSON schema is {bytes(spec.parameters).decode()}."
    return ""


def _refusal(words: str) -> ToolResult:
    return ToolResult(outcome=Outcome.FAILED, content=words)
