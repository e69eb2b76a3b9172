"""Which tool calls bring words of other people's into a conversation: from then on the model may want what those want."""

from __future__ import annotations

from dsterm.core.tools import Effect, Outcome, ToolResult

_READING = frozenset({Effect.READ, Effect.INSPECT, Effect.EXECUTE, Effect.OUTSIDE})
_NOT_RUN = frozenset({Outcome.REFUSED, Outcome.CANCELLED})


def brings_words(effects: frozenset[Effect] | None, result: ToolResult) -> bool:
    """Whether a call may have told of what others wrote; one that could not be planned quotes the lines that it missed."""
    if result.outcome in _NOT_RUN and not (result.job or result.seconds):
        return False
    return effects is None or bool(effects & _READING)
