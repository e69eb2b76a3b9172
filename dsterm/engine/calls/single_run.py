"""One allowed call, run to its result: what it changes is saved, what it lacked is offered, what looks like a key is masked."""

from __future__ import annotations

import msgspec

from dsterm.core.delta_events import ToolProgress
from dsterm.core.errors import DiskError, GitError, ToolError, WorkspaceError
from dsterm.core.messages import ToolCall
from dsterm.core.tools import Outcome, PreparedCall, ToolResult
from dsterm.engine.calls.approval import ask_about_command, is_yes
from dsterm.engine.calls.output_tail import OutputTail
from dsterm.engine.calls.saved_run import run_saved
from dsterm.engine.live import LiveSession
from dsterm.policy.permissions import Verdict, decide

_MOST_ATTEMPTS = 3
"""In the sandbox, with the network, outside: there is nothing wider."""


async def run_call(live: LiveSession, call: ToolCall, prepared: PreparedCall, tail: OutputTail) -> ToolResult:
    """Run `prepared`, and again with what it lacked where that is allowed; `tail` hears what it tells meanwhile."""
    result = await _run_once(live, call, prepared, tail)
    for _ in range(_MOST_ATTEMPTS - 1):
        if result.lack is None or prepared.wider is None:
            break
        wider = prepared.wider(result.lack)
        refusal = await _refusal(live, call, wider)
        if refusal is not None:
            result = msgspec.structs.replace(result, content=result.content + refusal)
            break
        prepared, result = wider, await _run_once(live, call, wider, tail)
    return masked_result(live, result)


async def _refusal(live: LiveSession, call: ToolCall, wider: PreparedCall) -> str | None:
    """None where it may run; else what is added to the result that stands: the user's reason, if one was given."""
    decision = decide(call.name, wider.plan, live.rules())
    if decision.verdict is Verdict.ASK and live.parts.can_ask:
        answer = await ask_about_command(live, call.name, wider.plan, decision.reason, call.id, is_again=True)
        reason = answer.text.strip()
        if is_yes(answer):
            return None
        return f"\n[the user did not let it run again with more rights: {reason}]" if reason else ""
    return None if decision.verdict is Verdict.ALLOW else ""


async def _run_once(live: LiveSession, call: ToolCall, prepared: PreparedCall, tail: OutputTail) -> ToolResult:
    clock = live.parts.clock
    started = clock.monotonic()

    def tell(text: str) -> None:
        tail.add(text)
        live.emit(ToolProgress(id=call.id, text=text))

    try:
        result = await run_saved(live, call.id, prepared, tell)
    except (ToolError, WorkspaceError, DiskError, GitError) as error:
        result = ToolResult(outcome=Outcome.FAILED, content=str(error))
    return msgspec.structs.replace(result, seconds=round(clock.monotonic() - started, 3))


def masked_result(live: LiveSession, result: ToolResult) -> ToolResult:
    """`result` without what looks like a key, and the model told so; unchanged where the user wants no masking."""
    if not live.parts.config.mask_secrets:
        return result
    redact = live.parts.redact
    content = redact(result.content)
    if content == result.content:
        return result
    note = "\n(What looks like a key or password was masked before you saw it.)"
    return msgspec.structs.replace(result, content=content + note, summary=redact(result.summary))
