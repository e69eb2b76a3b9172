"""What a session needs after a crash so that every begin has its end: events in, the missing events out.

The disk is only looked at through the function that is handed in, and only for changes of files that were under way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from dsterm.core.command_events import (
    CheckEnded,
    CheckStarted,
    PlanDecided,
    PlanDecision,
    PlanProposed,
    UserCommandEnded,
    UserCommandStarted,
)
from dsterm.core.delta_events import MessageProgress
from dsterm.core.events import (
    Envelope,
    Event,
    MessageAdded,
    Notice,
    NoticeLevel,
    StepEnded,
    StepRetried,
    StepStarted,
    Timings,
    ToolEnded,
    ToolRequested,
    TurnEnd,
    TurnEnded,
    TurnStarted,
)
from dsterm.core.messages import AssistantMessage, ToolCall
from dsterm.core.models import Forecast, Price, Usage
from dsterm.core.pricing import cost_of
from dsterm.core.provider import StopReason
from dsterm.core.questions import Answer, QuestionAnswered, QuestionAsked
from dsterm.core.services import TokenCounter
from dsterm.core.tools import Outcome, Plan, ToolResult
from dsterm.core.undo_events import ChangesSaved, CheckpointSaved
from dsterm.engine.calls.aftermath import Inspect
from dsterm.engine.calls.command_changes import Aftermath
from dsterm.engine.questions import DENY

Priced = Callable[[str, str, datetime], Price | None]
"""The price of a provider's model at a moment, None where it is not known."""


class _OpenEnds:
    """The begins that have no end yet."""

    def __init__(self) -> None:
        self.is_turn_open = False
        self.step: StepStarted | None = None
        self.content = ""
        self.reasoning = ""
        self.has_message = False
        self.timings = Timings()
        self.step_at: datetime | None = None
        self.calls: dict[str, ToolCall] = {}
        self.started: dict[str, Plan | None] = {}
        self.checkpoints: dict[str, CheckpointSaved] = {}
        self.recorded: set[str] = set()
        self.questions: set[str] = set()
        self.commands: dict[str, CheckStarted | UserCommandStarted] = {}
        self.is_plan_open = False

    def take(self, envelope: Envelope) -> None:
        event = envelope.event
        match event:
            case TurnStarted():
                self.is_turn_open = True
            case TurnEnded():
                self.is_turn_open = False
            case StepStarted():
                self.step, self.content, self.reasoning, self.has_message = event, "", "", False
                self.step_at, self.timings = envelope.at, Timings()
            case StepRetried():
                self.content = self.reasoning = ""
            case MessageProgress():
                self.content += event.content
                self.reasoning += event.reasoning
                self._time(envelope.at)
            case MessageAdded():
                self.has_message = True
                self.calls = {call.id: call for call in event.message.tool_calls}
            case StepEnded():
                self.step = None
            case ToolRequested():
                self.started[event.call.id] = event.plan
            case CheckStarted() | UserCommandStarted():
                self.commands[event.id] = event
            case ToolEnded() | CheckEnded() | UserCommandEnded():
                self.calls.pop(event.id, None)
                self.commands.pop(event.id, None)
            case CheckpointSaved():
                self.checkpoints[event.call_id] = event
                self.recorded.discard(event.call_id)
            case ChangesSaved():
                self.recorded.add(event.call_id)
            case _:
                self._take_asked(event)

    def _take_asked(self, event: Event) -> None:
        match event:
            case PlanProposed():
                self.is_plan_open = True
            case PlanDecided():
                self.is_plan_open = False
            case QuestionAsked():
                self.questions.add(event.id)
            case QuestionAnswered():
                self.questions.discard(event.id)
            case _:
                pass

    def _time(self, at: datetime) -> None:
        """The last sign of life: how long the program was gone afterwards is nobody's thinking."""
        seconds = (at - self.step_at).total_seconds() if self.step_at else 0.0
        answer = self.timings.first_answer
        if answer is None and self.content:
            answer = seconds
        self.timings = Timings(first_token=0.0, first_answer=answer, total=seconds)


def missing_ends(envelopes: Iterable[Envelope], priced: Priced, counter: TokenCounter, inspect: Inspect) -> list[Event]:
    """The events to append to a session that stopped in the middle: what was streamed, marked as cut; its estimated cost at
    the price that `priced` knows; an answer to every tool call, with what `inspect` finds of the files it was changing; the end
    of the turn. Empty for a session that ended well.
    """
    open_ends = _OpenEnds()
    for envelope in envelopes:
        open_ends.take(envelope)
    events: list[Event] = [_end_of_command(started) for started in open_ends.commands.values()]
    if open_ends.step is not None:
        events += _end_of_step(open_ends, open_ends.step, priced, counter)
    events += [QuestionAnswered(id=id_, answer=Answer(answer=DENY), by="policy") for id_ in sorted(open_ends.questions)]
    if open_ends.is_plan_open:
        events.append(PlanDecided(decision=PlanDecision.REJECTED))
    events += _ends_of_checks(open_ends, inspect)
    if not open_ends.is_turn_open:
        return events
    for call in open_ends.calls.values():
        checkpoint = open_ends.checkpoints.get(call.id)
        if checkpoint is not None:
            found = inspect(checkpoint, open_ends.started.get(call.id))
            events += _end_of_change(call, found, is_recorded=call.id in open_ends.recorded)
        else:
            events.append(_end_of_call(call, was_started=call.id in open_ends.started))
    events.append(TurnEnded(reason=TurnEnd.CUT, text="dsterm stopped before this turn was over."))
    return events


def _end_of_step(open_ends: _OpenEnds, step: StepStarted, priced: Priced, counter: TokenCounter) -> list[Event]:
    events: list[Event] = []
    if not open_ends.has_message and (open_ends.content or open_ends.reasoning):
        message = AssistantMessage(
            content=open_ends.content, reasoning=open_ends.reasoning, model=step.model, mode=step.mode, is_cut=True
        )
        events.append(MessageAdded(message=message))
    forecast = step.forecast or Forecast(prompt_tokens=0, cached_tokens=0, dollars=None)
    reasoning = counter.count(open_ends.reasoning)
    usage = Usage(
        prompt_tokens=forecast.prompt_tokens,
        cached_tokens=forecast.cached_tokens,
        completion_tokens=reasoning + counter.count(open_ends.content),
        reasoning_tokens=reasoning,
        is_estimate=True,
    )
    price = priced(step.provider, step.model, open_ends.step_at) if open_ends.step_at else None
    cost = cost_of(usage, price)
    ended = StepEnded(
        stop=StopReason.CUT,
        model=step.model,
        has_reasoned=bool(open_ends.reasoning.strip()) if open_ends.content or open_ends.reasoning else None,
        usage=usage,
        cost=cost,
        price=price,
        timings=open_ends.timings,
        is_demo=step.is_demo,
    )
    return [*events, ended]


def _end_of_command(started: CheckStarted | UserCommandStarted) -> Event:
    """A check or a command of the user's that dsterm was killed in."""
    if isinstance(started, CheckStarted):
        return CheckEnded(id=started.id, command=started.command, round=started.round, passed=False, summary="unknown")
    output = "(dsterm was stopped while this ran; what it printed is not known.)"
    return UserCommandEnded(id=started.id, command=started.command, output=output, is_shared=started.is_shared)


def _ends_of_checks(open_ends: _OpenEnds, inspect: Inspect) -> list[Event]:
    """What checks of the user's changed that dsterm was killed in: they are no calls, but what they changed can be undone."""
    events: list[Event] = []
    for call_id, checkpoint in open_ends.checkpoints.items():
        if call_id and call_id not in open_ends.started and call_id not in open_ends.recorded:
            found = inspect(checkpoint, None)
            events += [found.changes, Notice(text=found.words, level=NoticeLevel.WARNING)]
    return events


def _end_of_call(call: ToolCall, *, was_started: bool) -> ToolEnded:
    if was_started:
        result = ToolResult(
            outcome=Outcome.UNKNOWN,
            content="dsterm stopped while this call was under way; whether it took effect is unknown. Read the file to see.",
            summary="unknown",
        )
    else:
        result = ToolResult(
            outcome=Outcome.CANCELLED, content="dsterm stopped before this call ran.", summary="not run"
        )
    return ToolEnded(id=call.id, result=result)


def _end_of_change(call: ToolCall, found: Aftermath, *, is_recorded: bool) -> list[Event]:
    """What a change of files came to that was being written, for undo, the reader and the model."""
    result = ToolResult(outcome=Outcome.UNKNOWN, content=f"{found.words} Read what you go on with.", summary="unknown")
    undo = " /undo takes back what was changed." if found.changes.files or found.changes.before else ""
    notice = Notice(text=f"{found.words}{undo}", level=NoticeLevel.WARNING)
    return [*([] if is_recorded else [found.changes]), ToolEnded(id=call.id, result=result), notice]
