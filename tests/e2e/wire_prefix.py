"""What went over the wire, held against the one rule that keeps a prompt cache: request N+1 is request N and a suffix."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import inf
from pathlib import Path

import msgspec

_ON_THE_WAY = 0.3

ALLOWED = frozenset(
    {
        "model",
        "messages",
        "tools",
        "response_format",
        "max_tokens",
        "stream",
        "stream_options",
        "enable_thinking",
        "thinking",
        "reasoning",
        "reasoning_effort",
        "chat_template_kwargs",
    }
)
"""Fields that a request may carry: what wire.md says a client of V4 should send, and nothing else."""


_ASKS_FOR_SUMMARY = b'"[dsterm: The conversation is to be shortened.'
_LONGEST_QUESTION = 4_000
"""It stands at the end of the conversation, and what is asked next follows from what was asked before it."""


@dataclass(frozen=True)
class Visit:
    """A request as the demo server recorded it."""

    number: int
    at: float
    body: bytes
    id: str
    status: int
    problem: str
    fault: str


@dataclass(frozen=True)
class Step:
    """A step of a session's log, from StepStarted to StepEnded, which a killed program leaves out."""

    at: float
    until: float
    session: str
    broke: str


def read_visits(record: Path, since: float = 0.0) -> list[Visit]:
    """The requests in `record` that came after `since`, in the order in which they came."""
    visits = []
    for line in record.read_bytes().splitlines():
        said = json.loads(line)
        if said["at"] >= since:
            body = said["body"].encode()
            visits.append(
                Visit(said["number"], said["at"], body, said["id"], said["status"], said["problem"], said["fault"])
            )
    return sorted(visits, key=lambda visit: visit.at)


def read_steps(logs: Iterable[Path]) -> list[Step]:
    """Every step of the sessions in `logs`, in order of time."""
    steps: list[Step] = []
    for log in logs:
        for line in log.read_bytes().splitlines():
            is_begin = b'"event":{"type":"StepStarted"' in line
            if not is_begin and b'"event":{"type":"StepEnded"' not in line:
                continue
            envelope = json.loads(line)
            at = datetime.fromisoformat(envelope["at"]).timestamp()
            if is_begin:
                steps.append(Step(at, inf, log.stem, envelope["event"].get("broke", "")))
            elif steps and steps[-1].session == log.stem:
                steps[-1] = replace(steps[-1], until=at)
    return sorted(steps, key=lambda step: step.at)


def conversation_of(body: bytes) -> bytes | None:
    """`body` up to the end of its messages, without the closing bracket; None for a request beside the conversation."""
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    if "tools" not in fields or _ASKS_FOR_SUMMARY in bytes(fields["messages"])[-_LONGEST_QUESTION:]:
        return None
    messages = bytes(fields["messages"])
    start = body.index(b'"messages":' + messages)
    return body[: start + len(b'"messages":') + len(messages) - 1]


def broken_prefixes(visits: Sequence[Visit], steps: Sequence[Step]) -> list[str]:
    """Every request that is not the one before it of its session with a suffix, and whose step names no reason for that.

    A step that was stopped before its request went out may have named the reason already.
    """
    times = [step.at for step in steps]
    last: dict[str, tuple[bytes, int]] = {}
    broken = []
    for visit in visits:
        said = conversation_of(visit.body) if visit.status != 400 else None
        if said is None:
            continue
        place = bisect_right(times, visit.at) - 1
        # A request that fits into no step is one of a run that saves nothing. A stopped step ends before its request arrives.
        is_logged = place >= 0 and visit.at <= steps[place].until + _ON_THE_WAY
        session = steps[place].session if is_logged else _first_words(visit.body)
        before, before_place = last.get(session, (None, -1))
        last[session] = said, place
        since = steps[before_place + 1 : place + 1]
        is_named = any(step.session == session and step.broke for step in since)
        if before is None or is_named or said == before or said.startswith(before + b","):
            continue
        broken.append(f"request {visit.number} of session {session}: {_difference(before, said)}")
    return broken


def broken_rules(body: bytes) -> Iterator[str]:
    """What of section 9 of the wire's rules a request breaks."""
    fields = json.loads(body)
    yield from (f"field {name}" for name in fields.keys() - ALLOWED)
    for number, message in enumerate(fields["messages"]):
        where = f"messages[{number}]"
        if message["role"] not in {"system", "user", "assistant", "tool"} or (message["role"] == "system" and number):
            yield f"{where} has the role {message['role']}"
        if not isinstance(message.get("content"), str):
            yield f"{where} has no text as content"
        if message.get("tool_calls") == []:
            yield f"{where} has an empty list of calls"
        if message["role"] == "assistant" and not message.get("reasoning_content"):
            yield f"{where} has no reasoning"
    if any(value is None for value in fields.values()):
        yield "a null at the top"


def _first_words(body: bytes) -> str:
    """A session that was not saved is known by its first prompt and the model and mode that it was sent to."""
    fields = json.loads(body)
    kept = {name: value for name, value in fields.items() if name not in {"messages", "max_tokens"}}
    first = next((message for message in fields["messages"] if message["role"] == "user"), None)
    return json.dumps([kept, first], sort_keys=True)


def _difference(before: bytes, after: bytes) -> str:
    end = min(len(before), len(after))
    place = next((place for place in range(end) if before[place] != after[place]), end)
    start = max(0, place - 60)
    return f"from byte {place} of {len(before)} on:\n  {before[start : place + 60]!r}\n  {after[start : place + 60]!r}"
