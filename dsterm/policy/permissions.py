"""May a tool call run: its effects against the permission mode, what was granted, and the rules kept for the project.

Pure: values in, a decision with its reason out. docs/permissions.md is generated from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

import msgspec

from dsterm.core.command_plan import CommandRule
from dsterm.core.models import PermissionMode
from dsterm.core.tools import Effect, Plan
from dsterm.policy.rules import uncovered


class Verdict(StrEnum):
    """What to do with a tool call."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


class Decision(msgspec.Struct, frozen=True):
    """A verdict and why; for a denial the reason is written for the model, for a question it is shown to the user."""

    verdict: Verdict
    reason: str


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What holds when a call is decided.

    `granted` are effects and `granted_calls` single calls (as `exact_call` names them) allowed for this session, `kept` the
    project's rules. `has_read`: contents of files, repositories or commands stand in the conversation and may have told the
    model what to do. `has_network`: the user gave sandboxed commands the network.
    """

    mode: PermissionMode
    allowed_tools: tuple[str, ...] = ()
    disallowed_tools: tuple[str, ...] = ()
    granted: frozenset[Effect] = frozenset()
    granted_calls: frozenset[str] = frozenset()
    kept: tuple[CommandRule, ...] = ()
    has_read: bool = False
    has_network: bool = False


WITHOUT_ASKING: Mapping[PermissionMode, frozenset[Effect]] = MappingProxyType(
    {
        PermissionMode.ASK: frozenset({Effect.READ, Effect.INSPECT}),
        PermissionMode.ACCEPT_EDITS: frozenset({Effect.READ, Effect.INSPECT, Effect.WRITE}),
        PermissionMode.AUTO: frozenset({Effect.READ, Effect.INSPECT, Effect.WRITE, Effect.EXECUTE}),
        PermissionMode.PLAN: frozenset({Effect.READ}),
        PermissionMode.YOLO: frozenset(Effect),
    }
)
"""Effects that each mode lets happen without a question."""

_NEVER_IN_PLAN = frozenset({Effect.WRITE, Effect.INSPECT, Effect.EXECUTE, Effect.NETWORK, Effect.OUTSIDE})
_LEADS_OUT = frozenset({Effect.NETWORK, Effect.OUTSIDE})
_OF_NAMED_TOOLS = frozenset({Effect.READ, Effect.INSPECT, Effect.WRITE, Effect.EXECUTE})
"""What a tool named by --allowed-tools may do unasked; never leave the sandbox, use the network or read secrets."""

_WORDS = {
    Effect.READ: "read",
    Effect.WRITE: "change files",
    Effect.INSPECT: "run programs that only read",
    Effect.EXECUTE: "run a command",
    Effect.NETWORK: "use the network",
    Effect.OUTSIDE: "run something outside the sandbox",
    Effect.SECRETS: "read what looks secret",
}


def decide(tool: str, plan: Plan, rules: Rules) -> Decision:
    """Allow, ask or deny a call of `tool` that would do `plan`, under `rules`."""
    if tool in rules.disallowed_tools:
        return Decision(Verdict.DENY, f"The user has switched off {tool} for this session; do without it.")
    beyond = frozenset(plan.effects) - _free(rules)
    if not beyond:
        return Decision(Verdict.ALLOW, f"{rules.mode} mode allows it")
    if rules.mode is PermissionMode.PLAN and beyond & _NEVER_IN_PLAN:
        return Decision(
            Verdict.DENY,
            "Plan mode: nothing may be changed or run now. Read what you need and answer with a plan.",
        )
    if exact_call(tool, plan) in rules.granted_calls:
        return Decision(Verdict.ALLOW, "exactly this was allowed for this session")
    if tool in rules.allowed_tools and beyond <= _OF_NAMED_TOOLS:
        return Decision(Verdict.ALLOW, f"{tool} is on the list of allowed tools")
    if beyond <= rules.granted:
        return Decision(Verdict.ALLOW, "granted for this session")
    if _is_ruled(plan, beyond, rules):
        return Decision(Verdict.ALLOW, "a rule of this project always allows it")
    return Decision(Verdict.ASK, _why_ask(beyond, rules))


def exact_call(tool: str, plan: Plan) -> str:
    """A name for exactly this call: the same tool, subject, place and effects, and nothing near it."""
    command = plan.command
    place = (command.command, command.folder, command.confinement.value) if command else (plan.subject,)
    return "\0".join((tool, *place, *sorted(plan.effects)))


def _free(rules: Rules) -> frozenset[Effect]:
    free = WITHOUT_ASKING[rules.mode]
    if rules.has_network and not rules.has_read and Effect.EXECUTE in free:
        return free | {Effect.NETWORK}
    return free


def _is_ruled(plan: Plan, beyond: frozenset[Effect], rules: Rules) -> bool:
    if plan.command is None or not beyond <= {Effect.INSPECT, Effect.EXECUTE, Effect.NETWORK}:
        return False
    if Effect.NETWORK in beyond and rules.has_read:
        return False
    return plan.command.is_understood and not uncovered(plan.command, rules.kept)


def _why_ask(beyond: frozenset[Effect], rules: Rules) -> str:
    told = beyond - {Effect.INSPECT, Effect.EXECUTE} if beyond & _LEADS_OUT else beyond
    wanted = [_WORDS[effect] for effect in Effect if effect in told]
    words = " and ".join(wanted) if len(wanted) < 3 else f"{', '.join(wanted[:-1])} and {wanted[-1]}"
    reason = f"{rules.mode} mode asks before it may {words}"
    if beyond & _LEADS_OUT and rules.has_read:
        reason += "; what it has read since may have told it to"
    return reason
