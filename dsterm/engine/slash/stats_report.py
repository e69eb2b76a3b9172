"""How the requests and tools of a session went, counted from its journal: /stats. What never happened is not listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from dsterm.core.events import (
    AsideEnded,
    Envelope,
    Event,
    MessageAdded,
    StepEnded,
    StepRetried,
    StepStarted,
    ToolEnded,
    ToolRequested,
    TurnStarted,
)
from dsterm.core.models import Usage
from dsterm.core.tools import Outcome, ToolResult
from dsterm.core.wire_events import FellBack, Intervened, Intervention
from dsterm.engine.steps.loops import REPEATED
from dsterm.render.wording import format_count, format_seconds, format_share

_EDITING = frozenset({"edit", "write", "apply_patch"})
_AGAIN = "tried again"
"""Why a step begins that goes on with a request which was counted as a retry."""

_WORDS = {
    Intervention.RECOVERED_CALL: "tool calls written as text, made into calls",
    Intervention.DROPPED_MARKUP: "tool calls written as text, lost",
    Intervention.EMPTY_ANSWER: "empty answers asked for again",
    Intervention.ANNOUNCED_ONLY: "announced but not done, asked to",
    Intervention.CONTINUED: "answers that went on after the output limit",
    Intervention.REPEATED_CALL: "repeated calls not run",
    Intervention.LOOPING_REASONING: "reasoning in circles stopped",
    Intervention.REASONING_REFILLED: "missing reasoning filled in",
    Intervention.OUTPUT_LOWERED: "output limit lowered to fit",
    Intervention.ANSWER_REPAIRED: "JSON that did not fit, repaired",
    Intervention.MODE_NOT_HONOURED: "mode not honoured",
    Intervention.OTHER_MODEL: "another model answered",
    Intervention.NO_USAGE: "no count of tokens came",
    Intervention.PREFIX_LOST: "prompt read anew without need",
    Intervention.CACHE_MISSED: "prompt read anew that the cache should have had",
}


class _Model:
    """What requests to one model came to."""

    def __init__(self) -> None:
        self.requests = 0
        self.first: list[float] = []
        self.total: list[float] = []
        self.tokens = 0
        self.seconds = 0.0
        self.usage = Usage()
        self.edits = self.edits_done = 0

    def take(self, ended: StepEnded) -> None:
        """Count a request that is over."""
        self.requests += 1
        timings = ended.timings
        if ended.failure is None:
            self.total.append(timings.total)
        if timings.first_token is not None:
            self.first.append(timings.first_token)
        if ended.usage is None or ended.usage.is_estimate:
            return
        self.usage += ended.usage
        if timings.first_token is not None and timings.total > timings.first_token:
            self.tokens += ended.usage.completion_tokens
            self.seconds += timings.total - timings.first_token

    def line(self) -> str:
        """All of it, where there is any."""
        from statistics import median  # noqa: PLC0415 (it imports fractions and random, for a command that is rarely typed)

        parts = [format_count(self.requests, "request")] if self.requests else []
        if self.first:
            parts.append(f"first token {format_seconds(median(self.first))}")
        if self.total:
            parts.append(f"whole answer {format_seconds(median(self.total))}")
        if self.seconds > 0:
            parts.append(f"{self.tokens / self.seconds:,.0f} tokens/s")
        if self.usage.prompt_tokens:
            parts.append(
                f"{format_share(self.usage.cached_tokens / self.usage.prompt_tokens)} of the prompts from the cache"
            )
        if self.edits:
            parts.append(f"{self.edits_done} of {format_count(self.edits, 'edit')} applied")
        return " · ".join(parts)


class _Tool(msgspec.Struct):
    """How the calls of one tool ended."""

    calls: int = 0
    failed: int = 0
    refused: int = 0


class _Stats:
    """Folds the events of a session."""

    def __init__(self) -> None:
        self.turns = 0
        self.requests = 0
        self.models: dict[str, _Model] = {}
        self.retries: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.did: Counter[Intervention] = Counter()
        self.nudged = 0
        self.fallbacks: Counter[str] = Counter()
        self.tools: dict[str, _Tool] = {}
        self._asked: dict[str, tuple[str, str]] = {}
        self._model = ""
        self._is_retried = False

    def take(self, event: Event) -> None:
        match event:
            case TurnStarted():
                self.turns += 1
            case StepStarted():
                self.requests += event.why != _AGAIN
                self._is_retried = False
            case StepRetried():
                self.requests += 1
                self.retries[event.cause.strip().rstrip(".")] += 1
                self._is_retried = True
            case StepEnded():
                self._end(event)
            case AsideEnded():
                self.requests += 1
                self._end(event.ended)
            case Intervened():
                self.did[event.kind] += 1
                self.nudged += bool(event.nudge)
            case FellBack():
                self.fallbacks[f"{event.from_provider} to {event.provider}"] += 1
            case MessageAdded(message=message):
                self._model = message.model
            case ToolRequested(call=call):
                self._asked[call.id] = (call.name, self._model)
            case ToolEnded():
                self._end_call(*self._asked.pop(event.id, ("", "")), event.result)
            case _:
                pass

    def _end(self, ended: StepEnded) -> None:
        self._of(ended.model).take(ended)
        if ended.failure is not None and not self._is_retried:
            self.failures[ended.failure.kind.replace("-", " ")] += 1
        self._is_retried = False

    def _end_call(self, name: str, model: str, result: ToolResult) -> None:
        if not name or result.summary == REPEATED:
            return
        tool = self.tools.setdefault(name, _Tool())
        tool.calls += 1
        tool.refused += result.outcome is Outcome.REFUSED
        tool.failed += result.outcome in {Outcome.FAILED, Outcome.UNKNOWN}
        if name in _EDITING and result.outcome in {Outcome.DONE, Outcome.FAILED}:
            self._of(model).edits += 1
            self._of(model).edits_done += result.outcome is Outcome.DONE

    def _of(self, model: str) -> _Model:
        return self.models.setdefault(model, _Model())


def stats_report(envelopes: Iterable[Envelope]) -> str:
    """The report as text."""
    from dsterm.engine.forecasting.calibration import session_words  # noqa: PLC0415  rarely asked for

    stats = _Stats()
    log = tuple(envelopes)
    for envelope in log:
        stats.take(envelope.event)
    if not stats.requests:
        return "This session: nothing was sent yet, so there is nothing to count."
    turns = f" in {format_count(stats.turns, 'turn')}" if stats.turns else ""
    lines = [f"This session: {format_count(stats.requests, 'request')}{turns}; times are medians."]
    lines += [f"  {name.rpartition('/')[2]}: {model.line()}" for name, model in stats.models.items()]
    forecasts = session_words(log)
    lines += [f"  forecasts, {forecasts}"] if forecasts else []
    lines += _counted("retries", stats.retries)
    lines += _counted("failures", stats.failures)
    lines += _counted("noticed or mended", Counter({_WORDS[kind]: number for kind, number in stats.did.items()}))
    if stats.nudged:
        lines.append(f"  the model was nudged {format_count(stats.nudged, 'time')}")
    lines += _counted("went on elsewhere", stats.fallbacks)
    lines += _tools(stats.tools)
    return "\n".join(lines)


def _counted(name: str, counts: Counter[str]) -> list[str]:
    if not counts:
        return []
    told = "; ".join(f"{words} ({number})" for words, number in counts.most_common())
    return [f"  {name}, {counts.total()}: {told}"]


def _tools(tools: dict[str, _Tool]) -> list[str]:
    told = []
    for name, tool in tools.items():
        parts = [f"{tool.failed} failed"] if tool.failed else []
        parts += [f"{tool.refused} refused"] if tool.refused else []
        if parts:
            told.append(f"{name} {', '.join(parts)} of {tool.calls}")
    calls = sum(tool.calls for tool in tools.values())
    ended = "; ".join(told) if told else "all of them worked"
    return [f"  {format_count(calls, 'tool call')}: {ended}"] if calls else []
