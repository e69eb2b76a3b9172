"""The contracts of a session's events: whatever happened, every begin has its end."""

from __future__ import annotations

from collections.abc import Sequence

from dsterm.core.command_events import (
    CheckEnded,
    CheckStarted,
    PlanDecided,
    PlanProposed,
    UserCommandEnded,
    UserCommandStarted,
)
from dsterm.core.events import (
    DELTAS,
    Envelope,
    MessageAdded,
    StepEnded,
    StepStarted,
    ToolEnded,
    ToolRequested,
    TurnEnded,
    TurnStarted,
)
from dsterm.core.messages import Message, ToolMessage
from dsterm.core.questions import QuestionAnswered, QuestionAsked


class OpenBegins:
    """The begins of a session that have no end so far."""

    def __init__(self) -> None:
        self.single: dict[str, str] = {}
        self.calls: dict[str, str] = {}
        self.known_calls: set[str] = set()
        self.problems: list[str] = []

    def take(self, envelope: Envelope) -> None:
        event = envelope.event
        match event:
            case TurnStarted():
                self._begin("turn", "turn", envelope)
            case TurnEnded():
                self._end("turn", envelope)
                self.problems += [f"{envelope.seq}: the turn ended with {open_} open" for open_ in self.all_open]
            case StepStarted():
                self._begin("step", "step", envelope)
            case StepEnded():
                self._end("step", envelope)
            case MessageAdded():
                for call in event.message.tool_calls:
                    if call.id in self.known_calls:
                        self.problems.append(f"{envelope.seq}: the call id {call.id} is used twice")
                    self.known_calls.add(call.id)
                    self.calls[call.id] = "asked"
            case ToolRequested():
                if self.calls.get(event.call.id) != "asked":
                    self.problems.append(f"{envelope.seq}: {event.call.id} is requested but was not asked for")
                self.calls[event.call.id] = "requested"
            case ToolEnded():
                if self.calls.pop(event.id, None) is None:
                    self.problems.append(f"{envelope.seq}: {event.id} ended but is not open")
            case QuestionAsked() | CheckStarted() | UserCommandStarted():
                self._begin(event.id, type(event).__name__, envelope)
            case QuestionAnswered() | CheckEnded() | UserCommandEnded():
                self._end(event.id, envelope)
            case PlanProposed():
                self._begin("plan", "plan", envelope)
            case PlanDecided():
                self._end("plan", envelope)
            case _:
                pass

    @property
    def all_open(self) -> list[str]:
        return [*self.single.values(), *(f"{state} call {name}" for name, state in self.calls.items())]

    def _begin(self, name: str, shown: str, envelope: Envelope) -> None:
        if name in self.single:
            self.problems.append(f"{envelope.seq}: {shown} begins again before it ended")
        self.single[name] = shown

    def _end(self, name: str, envelope: Envelope) -> None:
        if self.single.pop(name, None) is None:
            self.problems.append(f"{envelope.seq}: {type(envelope.event).__name__} without a beginning")


def broken_contracts(envelopes: Sequence[Envelope]) -> list[str]:
    """What is wrong with a session in which nothing runs now; nothing in the usual case."""
    begins = OpenBegins()
    for place, envelope in enumerate(envelopes, 1):
        if isinstance(envelope.event, DELTAS):
            begins.problems.append(f"{envelope.seq}: a delta is stored")
        if envelope.seq != place:
            begins.problems.append(f"{envelope.seq} stands where {place} should")
        begins.take(envelope)
    return [*begins.problems, *(f"{open_} is open at the end" for open_ in begins.all_open)]


def unanswered(messages: Sequence[Message]) -> list[str]:
    """Calls of a conversation that have no answer, and answers to nothing."""
    asked = [call.id for message in messages for call in getattr(message, "tool_calls", ())]
    answered = [message.call_id for message in messages if isinstance(message, ToolMessage)]
    return sorted(set(asked) ^ set(answered)) + [name for name in set(answered) if answered.count(name) > 1]
