"""Which tool calls are made again and again with the same result. Pure: the events of a turn in, the calls not to run out.

What was called counts no more once another call took effect: then the same call can tell something new. A call that does and
tells what it did before changes nothing, or two commands in turn would never be noticed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import msgspec

from dsterm.core.context_events import Compacted, ResultsPruned
from dsterm.core.errors import ToolError
from dsterm.core.events import Event, ToolEnded, ToolRequested
from dsterm.core.messages import ToolCall
from dsterm.core.tools import Effect, Outcome, ToolResult
from dsterm.llm.repair import parse_arguments

WINDOW = 6
"""Calls that are looked back on."""

THRESHOLD = 3
"""So many identical calls among them are one too many."""

REPEATED = "repeated"
"""The summary of a call that was not run for being a repetition."""

_DURATION = re.compile(r"\d+\.\d+ ?(?:s|ms|sec|seconds)\b|\b\d\d:\d\d:\d\d(?:[.,]\d+)?")
_READING = frozenset({Effect.READ, Effect.INSPECT, Effect.SECRETS})


class _Made(msgspec.Struct):
    """A call that was made: `result` None while it has none."""

    call: ToolCall
    key: str
    effects: frozenset[Effect]
    result: str | None = None


def call_key(call: ToolCall) -> str:
    """The same for calls of the same tool with the same arguments, however these are written."""
    try:
        arguments = json.dumps(parse_arguments(call.arguments), sort_keys=True, ensure_ascii=False)
    except (ToolError, RecursionError):
        arguments = call.arguments.strip()
    return f"{call.name} {arguments}"


def repeated_calls(events: Sequence[Event], calls: Sequence[ToolCall]) -> frozenset[str]:
    """The ids of those of `calls` that are not to be run, after what happened in `events` of this turn."""
    made, harmless = _made(events)
    stopped = set()
    for call in calls:
        key = call_key(call)
        same = [each for each in made[-(WINDOW - 1) :] if each.key == key]
        if len(same) >= THRESHOLD - 1 and len({each.result for each in same if each.result is not None}) <= 1:
            stopped.add(call.id)
            continue
        if key not in harmless and call.name not in harmless:
            # What it will do isn't known before it is planned, so what comes behind it may well tell something new.
            made = [each for each in made if each.key == key]
        made.append(_Made(call, key, frozenset()))
    return frozenset(stopped)


def repetition_result() -> ToolResult:
    """What the model is told instead of a result."""
    content = (
        "This call was not run: you have made it before in this turn with the same arguments, nothing has changed since, and "
        "its result stands above. Use that result, do something else, or finish."
    )
    return ToolResult(outcome=Outcome.REFUSED, content=content, summary=REPEATED)


def _made(events: Sequence[Event]) -> tuple[list[_Made], frozenset[str]]:
    """The calls that count, and the keys and names of tools of which none did more than read."""
    made: list[_Made] = []
    seen: set[tuple[str, str]] = set()
    read: set[str] = set()
    did: set[str] = set()
    for event in events:
        match event:
            case ResultsPruned() | Compacted():
                # What was told then may not stand in the conversation any more.
                made, seen = [], set()
            case ToolRequested(call=call):
                made.append(_Made(call, call_key(call), frozenset(event.effects)))
            case ToolEnded(result=result):
                ended = next((each for each in reversed(made) if each.call.id == event.id), None)
                if ended is None:
                    continue
                if result.summary == REPEATED:
                    made.remove(ended)
                    continue
                ended.result = _told(ended, result)
                (read if ended.effects == {Effect.READ} else did).update({ended.call.name, ended.key})
                if _took_effect(ended, result) and (ended.key, ended.result) not in seen:
                    made = [each for each in made if each.key == ended.key]
                seen.add((ended.key, ended.result))
            case _:
                pass
    return made, frozenset(read - did)


def _told(made: _Made, result: ToolResult) -> str:
    """What came of a call, such that a command that only took another time came to the same."""
    return result.content if made.effects <= _READING else _DURATION.sub("0", result.content)


def _took_effect(made: _Made, result: ToolResult) -> bool:
    if made.effects <= _READING or result.outcome in {Outcome.REFUSED, Outcome.CANCELLED}:
        return False
    return result.outcome is Outcome.DONE or Effect.WRITE not in made.effects
