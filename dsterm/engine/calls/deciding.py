"""From a prepared call to one that may run: the rules decide, and where they ask, the user does."""

from __future__ import annotations

from dsterm.core.command_plan import Confinement, PlannedCommand
from dsterm.core.messages import ToolCall
from dsterm.core.models import PermissionMode
from dsterm.core.tools import Effect, Outcome, Plan, PreparedCall, ToolResult
from dsterm.engine.calls.approval import approve, ask_about_command, is_yes
from dsterm.engine.live import LiveSession
from dsterm.engine.questions import NOBODY_TO_ASK
from dsterm.policy.permissions import Rules, Verdict, decide
from dsterm.policy.shell import read_command

_LOOSER = {
    PermissionMode.ACCEPT_EDITS: "lets edits happen",
    PermissionMode.AUTO: "lets sandboxed commands run",
    PermissionMode.YOLO: "asks nothing at all",
}

_ONLY_READS = (
    "This turn only reads: nothing may be changed or run now. Read what you need and answer with what you found."
)


async def decided(live: LiveSession, call: ToolCall, prepared: PreparedCall) -> PreparedCall | ToolResult:
    """What may run: the call, or what the user made of it; else the result that says why not."""
    decision = decide(call.name, prepared.plan, live.rules())
    if decision.verdict is Verdict.ALLOW:
        return prepared
    if decision.verdict is Verdict.DENY:
        is_review = live.only_reads and call.name not in live.parts.config.disallowed_tools
        reason = _ONLY_READS if is_review else decision.reason
        return ToolResult(outcome=Outcome.REFUSED, content=reason, summary="not allowed")
    if not live.parts.can_ask:
        why = "; ".join((decision.reason, *prepared.plan.concerns))
        content = f"Not allowed: {why}; and nobody can be asked in this run. Say what you would have done instead."
        return ToolResult(outcome=Outcome.REFUSED, content=content, summary=NOBODY_TO_ASK)
    return await approve(live, call, prepared, decision.reason)


def way_out(tool: str, plan: Plan) -> str:
    """Which permission mode would let a call pass that nobody could be asked about, in brackets; nothing where none would."""
    for mode, words in _LOOSER.items():
        if decide(tool, plan, Rules(mode=mode, has_read=True)).verdict is Verdict.ALLOW:
            return f" (--permission-mode {mode} {words})"
    return ""


async def may_run_in_the_open(live: LiveSession, command: str) -> bool:
    """Whether a check of the user's may run where nothing confines it; asked as any command is, refused where nobody can be."""
    reading = read_command(command)
    trouble = live.parts.commands.sandbox.trouble.removesuffix(".")
    plan = Plan(
        effects=(Effect.READ, Effect.EXECUTE, Effect.OUTSIDE),
        subject=command,
        concerns=(f"there is no sandbox here: {trouble}",),
        command=PlannedCommand(
            command=command,
            folder=".",
            confinement=Confinement.OPEN,
            description="a check after a turn that edited",
            calls=reading.calls,
            is_understood=reading.is_understood,
        ),
    )
    decision = decide("bash", plan, live.rules())
    if decision.verdict is Verdict.ASK and live.parts.can_ask:
        return is_yes(await ask_about_command(live, "bash", plan, decision.reason))
    return decision.verdict is Verdict.ALLOW
