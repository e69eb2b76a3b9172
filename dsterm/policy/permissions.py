"""May a tool call run: its effects against the permission mode and what was granted before. Pure: values in, a decision out."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

import msgspec

from dsterm.core.models import PermissionMode
from dsterm.core.tools import Effect


class Verdict(StrEnum):
    """What to do with a tool call."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


class Decision(msgspec.Struct, frozen=True):
    """A verdict and why; for a denial the reason is written for the model."""

    verdict: Verdict
    reason: str


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What holds when a call is decided: the mode, tools named by the user's flags, effects granted for this session."""

    mode: PermissionMode
    allowed_tools: tuple[str, ...] = ()
    disallowed_tools: tuple[str, ...] = ()
    granted: frozenset[Effect] = frozenset()


_WITHOUT_ASKING = {
    PermissionMode.ASK: frozenset({Effect.READ}),
    PermissionMode.PLAN: frozenset({Effect.READ}),
    PermissionMode.ACCEPT_EDITS: frozenset({Effect.READ, Effect.WRITE}),
    PermissionMode.AUTO: frozenset({Effect.READ, Effect.WRITE}),
    PermissionMode.YOLO: frozenset(Effect),
}
"""Effects that each mode lets happen without a question."""


def decide(tool: str, effects: Collection[Effect], rules: Rules) -> Decision:
    """Allow, ask or deny a call of `tool` with `effects` under `rules`."""
    if tool in rules.disallowed_tools:
        return Decision(Verdict.DENY, f"The user has switched off {tool} for this session; do without it.")
    beyond = set(effects) - _WITHOUT_ASKING[rules.mode]
    if not beyond:
        return Decision(Verdict.ALLOW, f"{rules.mode} mode allows it")
    if rules.mode is PermissionMode.PLAN:
        return Decision(
            Verdict.DENY,
            "Plan mode: nothing may be changed or run now. Read what you need and answer with a plan.",
        )
    if tool in rules.allowed_tools:
        return Decision(Verdict.ALLOW, f"{tool} is on the list of allowed tools")
    if beyond <= rules.granted:
        return Decision(Verdict.ALLOW, "granted for this session")
    return Decision(Verdict.ASK, f"{rules.mode} mode asks before it may {' and '.join(sorted(beyond))}")
