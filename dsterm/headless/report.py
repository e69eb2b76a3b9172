"""What a run came to: the one JSON object that `--output-format json` prints and stream-json ends with."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dsterm.core.events import (
    AsideEnded,
    Envelope,
    MessageAdded,
    StepEnded,
    ToolEnded,
    ToolRequested,
    TurnEnd,
    TurnEnded,
)
from dsterm.core.models import ThinkingMode, Usage
from dsterm.core.tools import Outcome
from dsterm.engine.steps.whole_answer import WholeAnswer
from dsterm.headless.flag_words import with_flags


class ReportedCall(msgspec.Struct, kw_only=True):
    """A tool call and how it ended; `arguments` is the JSON text that the model sent, `changes` the files it changed."""

    id: str
    name: str
    arguments: str
    outcome: Outcome = Outcome.UNKNOWN
    result: str = ""
    changes: list[str] = []


class ReportedUsage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens, summed over the run's requests; `is_estimate` when a server did not say."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    is_estimate: bool


class Result(msgspec.Struct, frozen=True, kw_only=True, tag="result", tag_field="type"):
    """The outcome of a headless run. `cost_usd` is exact, null when a price is unknown; a demo's cost is owed to nobody.

    `structured` is the value of an answer that was asked for as JSON, and is.
    """

    result: str
    reasoning: str
    tool_calls: list[ReportedCall]
    usage: ReportedUsage
    cost_usd: Decimal | None
    is_demo: bool
    model: str
    mode: ThinkingMode
    session_id: str
    num_turns: int
    stop_reason: TurnEnd
    is_error: bool
    error: str
    structured: object | msgspec.UnsetType = msgspec.UNSET


class Report:
    """Gathers a run's events into a Result."""

    def __init__(self) -> None:
        self._answer = WholeAnswer()
        self.ended: TurnEnded | None = None
        self._reasoning: list[str] = []
        self._calls: dict[str, ReportedCall] = {}
        self._usage = Usage()
        self._dollars: Decimal | None = Decimal(0)
        self._is_demo = False
        self._requests = 0
        self._served = ""

    def take(self, envelope: Envelope) -> None:
        """Take one event in."""
        self._answer.take(envelope.event)
        match envelope.event:
            case MessageAdded(message=message):
                if message.reasoning:
                    self._reasoning.append(message.reasoning)
            case ToolRequested(call=call):
                self._calls[call.id] = ReportedCall(id=call.id, name=call.name, arguments=call.arguments)
            case ToolEnded(id=call_id, result=result) if call_id in self._calls:
                reported = self._calls[call_id]
                reported.outcome, reported.result = result.outcome, result.content
                reported.changes = [diff.path for diff in result.diffs]
            case StepEnded() as step:
                self._served = step.model
                self._book(step)
            case AsideEnded(ended=step):
                self._book(step)
            case TurnEnded() as ended:
                self.ended = ended
            case _:
                pass

    def _book(self, step: StepEnded) -> None:
        self._requests += 1
        self._is_demo = self._is_demo or step.is_demo
        if step.usage is not None:
            self._usage += step.usage
            total = step.cost.total if step.cost else None
            self._dollars = None if total is None or self._dollars is None else self._dollars + total

    def result(self, *, model: str, mode: ThinkingMode, session_id: str) -> Result:
        """The finished object."""
        ended = self.ended or TurnEnded(reason=TurnEnd.FAILED, text="The run did not begin.")
        return Result(
            result=self._answer.text,
            reasoning="\n\n".join(self._reasoning),
            tool_calls=list(self._calls.values()),
            usage=ReportedUsage(
                prompt_tokens=self._usage.prompt_tokens,
                completion_tokens=self._usage.completion_tokens,
                cached_tokens=self._usage.cached_tokens,
                reasoning_tokens=self._usage.reasoning_tokens,
                is_estimate=self._usage.is_estimate,
            ),
            cost_usd=self._dollars,
            is_demo=self._is_demo,
            model=self._served or model,
            mode=mode,
            session_id=session_id,
            num_turns=self._requests,
            stop_reason=ended.reason,
            is_error=ended.reason is not TurnEnd.ANSWERED,
            error="" if ended.reason is TurnEnd.ANSWERED else with_flags(ended.text),
        )
