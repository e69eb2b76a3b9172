"""The table of docs/permissions.md: what each mode allows, asks and denies, asked of `decide` itself."""

from __future__ import annotations

from dsterm.core.models import PermissionMode
from dsterm.core.tools import Effect, Plan
from dsterm.policy.permissions import Rules, decide

_ROWS = (
    ("read a file, list, search", (Effect.READ,)),
    ("read what looks secret (`.env`, keys)", (Effect.READ, Effect.SECRETS)),
    ("change files in the workspace", (Effect.READ, Effect.WRITE)),
    ("programs known to read only, in the sandbox", (Effect.READ, Effect.INSPECT)),
    ("any other command, in the sandbox", (Effect.READ, Effect.EXECUTE)),
    ("a command with the network, in the sandbox", (Effect.READ, Effect.EXECUTE, Effect.NETWORK)),
    ("a command outside the sandbox", (Effect.READ, Effect.EXECUTE, Effect.OUTSIDE)),
)


def permission_table() -> str:
    """The table in Markdown, a row for each kind of call, a column for each mode."""
    modes = tuple(PermissionMode)
    lines = [f"| | {' | '.join(modes)} |", f"| --- |{' --- |' * len(modes)}"]
    for words, effects in _ROWS:
        plan = Plan(effects=effects, subject="")
        verdicts = [decide("any", plan, Rules(mode=mode)).verdict.value for mode in modes]
        lines.append(f"| {words} | {' | '.join(verdicts)} |")
    return "\n".join(lines) + "\n"
