"""`dsterm -p`: one prompt in, one answer on standard output, everything else on standard error. It never asks."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from enum import StrEnum

import msgspec

from dsterm.core.attachments import PackChoice
from dsterm.core.errors import DstermError
from dsterm.core.events import Envelope, Notice, ToolEnded, ToolRequested, TurnEnd, TurnEnded
from dsterm.core.provider import ResponseFormat
from dsterm.core.report_events import ReportShown
from dsterm.core.tools import Outcome, Plan
from dsterm.engine.calls.deciding import way_out
from dsterm.engine.engine import Engine
from dsterm.engine.questions import NOBODY_TO_ASK
from dsterm.engine.steps.structured import bare_json
from dsterm.headless.answer_format import json_value
from dsterm.headless.report import Report, Result
from dsterm.headless.standard_output import prepare_output, print_answer, print_json, tell
from dsterm.headless.wire_words import wire_line


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
    TurnEnd.UNFIT: 4,
    TurnEnd.INTERRUPTED: 130,
}


class StreamLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of stream-json: the event's kind first, then its envelope."""

    type: str
    envelope: Envelope


class HeadlessJob(msgspec.Struct, frozen=True, kw_only=True):
    """What to answer: the prompt, data that goes with it (piped in, so not the user's word), sources to attach first and what to
    take of them, and the JSON that the answer is to be.
    """

    prompt: str
    data: str = ""
    attachments: tuple[str, ...] = ()
    choice: PackChoice = PackChoice()
    answer_format: ResponseFormat | None = None


async def run_headless(engine: Engine, job: HeadlessJob, output: OutputFormat) -> int:
    """Attach, ask, print; returns the exit code. Ctrl+C stops what is going on and still reports what there is."""
    prepare_output(is_json=output is not OutputFormat.TEXT)
    report = Report()
    stopped = _stop_on_signals(engine)
    calls: dict[str, tuple[str, Plan | None]] = {}
    failed = 0
    try:
        async for envelope in _events(engine, job, stopped):
            report.take(envelope)
            _show(envelope, output, calls)
    except DstermError as error:
        failed = error.exit_code
        report.ended = TurnEnded(reason=TurnEnd.FAILED, text=str(error))
    if report.ended is None:
        report.ended = TurnEnded(reason=TurnEnd.INTERRUPTED, text="Stopped before the prompt was sent.")
    status = engine.status()
    result = report.result(model=status.model.id, mode=status.mode, session_id=status.session_id)
    if job.answer_format is not None and not result.is_error:
        result = msgspec.structs.replace(result, result=bare_json(result.result), structured=json_value(result.result))
    _print_result(result, output)
    return failed or _EXIT_CODES[result.stop_reason]


async def _events(engine: Engine, job: HeadlessJob, stopped: asyncio.Event) -> AsyncIterator[Envelope]:
    for source in job.attachments:
        async for envelope in engine.attach(source, job.choice):
            yield envelope
    if not stopped.is_set():
        async for envelope in engine.run(job.prompt, job.data, job.answer_format):
            yield envelope


def _stop_on_signals(engine: Engine) -> asyncio.Event:
    """Interrupt `engine` on Ctrl+C and on a polite kill; the event remembers one that came when nothing was running."""
    stopped = asyncio.Event()

    def stop() -> None:
        stopped.set()
        engine.interrupt()

    if sys.platform != "win32":
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
    return stopped


def _show(envelope: Envelope, output: OutputFormat, calls: dict[str, tuple[str, Plan | None]]) -> None:
    """Diagnostics to standard error; with stream-json the event to standard output."""
    if output is OutputFormat.STREAM_JSON:
        kind = type(envelope.event).__name__
        print_json(StreamLine(type=kind, envelope=envelope))
    match envelope.event:
        case Notice(text=text):
            tell(text)
        case ReportShown():
            from dsterm.render.report_block import report_text  # noqa: PLC0415  rarely asked for

            tell(report_text(envelope.event))
        case ToolRequested(call=call, plan=plan):
            calls[call.id] = (call.name, plan)
        case ToolEnded(id=call_id, result=result) if result.outcome is Outcome.REFUSED:
            name, plan = calls.get(call_id, ("a tool call", None))
            hint = way_out(name, plan) if plan and result.summary == NOBODY_TO_ASK else ""
            tell(f"not allowed: {name} {plan.subject if plan else ''}".rstrip() + hint)
        case ToolEnded(id=call_id, result=result) if result.outcome is Outcome.DONE and result.diffs:
            for diff in result.diffs:
                tell(f"{diff.kind}: {diff.path} +{diff.added} -{diff.removed}")
        case event if line := wire_line(event):
            tell(line)
        case _:
            pass


def _print_result(result: Result, output: OutputFormat) -> None:
    if output is not OutputFormat.TEXT:
        print_json(result)
    elif result.result:
        print_answer(result.result)
    if result.is_error:
        tell(result.error)
