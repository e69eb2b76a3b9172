"""`dsterm -p`: one prompt in, one answer on standard output, everything else on standard error. It never asks."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from enum import StrEnum

import msgspec

from dsterm.core.events import Envelope, Notice, NoticeLevel, StepRetried, ToolEnded, ToolRequested, TurnEnd
from dsterm.core.tools import Outcome
from dsterm.engine.engine import Engine
from dsterm.headless.report import Report, Result
from dsterm.render.clean import clean, clean_line


class OutputFormat(StrEnum):
    """What standard output carries."""

    TEXT = "text"
    JSON = "json"
    STREAM_JSON = "stream-json"


_EXIT_CODES = {
    TurnEnd.ANSWERED: 0,
    TurnEnd.FAILED: 1,
    TurnEnd.CUT: 1,
    TurnEnd.BUDGET: 3,
    TurnEnd.MAX_TURNS: 3,
    TurnEnd.INTERRUPTED: 130,
}

_CONTROLS = re.compile("[\x7f-\x9f\u2028\u2029]")


class StreamLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of stream-json: the event's kind first, then its envelope."""

    type: str
    envelope: Envelope


async def run_headless(engine: Engine, prompt: str, attachments: Sequence[str], output: OutputFormat) -> int:
    """Attach, ask, print; returns the exit code. Ctrl+C stops the turn and still reports what there is."""
    report = Report()
    loop = asyncio.get_running_loop()
    if sys.platform != "win32":
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, engine.interrupt)
    if engine.is_demo:
        _tell("this is the demo provider: a real server on this machine, no model; its costs are play money")
    names: dict[str, str] = {}
    for source in attachments:
        refused = False
        async for envelope in engine.attach(source):
            refused = refused or _is_error(envelope)
            _show(envelope, output, names)
        if refused:
            return 1
    async for envelope in _events(engine, prompt):
        report.take(envelope)
        _show(envelope, output, names)
    status = engine.status()
    result = report.result(model=status.model.id, mode=status.mode, session_id=status.session_id)
    _print_result(result, output)
    return _EXIT_CODES[result.stop_reason]


async def _events(engine: Engine, prompt: str) -> AsyncIterator[Envelope]:
    async for envelope in engine.run(prompt):
        yield envelope


def _is_error(envelope: Envelope) -> bool:
    event = envelope.event
    return isinstance(event, Notice) and event.level is NoticeLevel.ERROR


def _show(envelope: Envelope, output: OutputFormat, names: dict[str, str]) -> None:
    """Diagnostics to standard error; with stream-json the event to standard output."""
    if output is OutputFormat.STREAM_JSON:
        kind = type(envelope.event).__name__
        _print_json(StreamLine(type=kind, envelope=envelope))
    match envelope.event:
        case Notice(text=text):
            _tell(text)
        case StepRetried(attempt=attempt, wait=wait, cause=cause):
            _tell(f"retry {attempt} in {wait:.1f} s: {cause}")
        case ToolRequested(call=call, plan=plan):
            names[call.id] = f"{call.name} {plan.subject if plan else ''}".strip()
        case ToolEnded(id=call_id, result=result) if result.outcome is Outcome.REFUSED:
            hint = "" if result.summary == "refused" else " (--permission-mode accept-edits lets edits happen)"
            _tell(f"not allowed: {names.get(call_id, 'a tool call')}{hint}")
        case ToolEnded(id=call_id, result=result) if result.outcome is Outcome.DONE and result.diffs:
            for diff in result.diffs:
                _tell(f"{diff.kind}: {diff.path} +{diff.added} -{diff.removed}")
        case _:
            pass


def _print_result(result: Result, output: OutputFormat) -> None:
    if output is not OutputFormat.TEXT:
        _print_json(result)
        return
    if result.result:
        print(clean(result.result), flush=True)
    if result.is_error:
        _tell(result.error)


def _print_json(value: msgspec.Struct) -> None:
    """One line; control characters that JSON allows but terminals obey are escaped."""
    text = msgspec.json.Encoder(decimal_format="number").encode(value).decode()
    print(_CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text), flush=True)


def _tell(text: str) -> None:
    print(f"dsterm: {clean_line(text)}", file=sys.stderr, flush=True)
