from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from dsterm.core import delta_events, events, questions
from dsterm.core.diff import diff_texts
from dsterm.core.events import Envelope, Event
from dsterm.core.messages import AssistantMessage, ToolCall
from dsterm.core.models import Cost, Price, ThinkingMode, Usage
from dsterm.core.provider import StopReason
from dsterm.core.tools import Effect, Outcome, Plan, ToolResult

START = datetime(2026, 11, 22, 14, 2, tzinfo=UTC)
REASONING = (
    "The test compares two times. The token's exp is compared with datetime.now(), which is naive, while the fixture builds "
    "an aware value in UTC, so the comparison raises before the assertion. is_expired() is called from two places; only the "
    "middleware passes a naive one.\n\nSo the fix belongs into is_expired itself, and the fixture can stay as it is. I'll read "
    "the file first, then look for the callers, and change the comparison."
)
ANSWER = (
    "The comparison mixed **naive** and aware times. `is_expired` now asks for UTC:\n\n"
    "1. `datetime.now(tz=UTC)`\n2. the callers stay\n\n"
    "```python\ndef is_expired(token):\n    return token.exp < datetime.now(tz=UTC)\n```\n"
)
BEFORE = "class Token:\n    exp: datetime\n\ndef is_expired(token):\n    return token.exp < datetime.now()\n\n# end\n"
AFTER = (
    "class Token:\n    exp: datetime\n\ndef is_expired(token):\n    now = datetime.now(tz=UTC)\n"
    "    return token.exp < now\n\n# end\n"
)


PRICE = Price(
    input=Decimal("1.60"), output=Decimal("3.20"), cache_read=Decimal("0.135"), since=date(2026, 11, 1), source="list"
)
STEP = events.StepStarted(provider="novita", model="deepseek/deepseek-v4-pro", mode=ThinkingMode.THINK)


def in_order(timeline: Iterable[tuple[float, Event]]) -> list[Envelope]:
    envelopes: list[Envelope] = []
    seq = 0
    for seconds, event in timeline:
        is_delta = isinstance(event, events.DELTAS)
        seq += not is_delta
        envelopes.append(
            Envelope(
                id="" if is_delta else f"e{seq}", parent="", seq=seq, at=START + timedelta(seconds=seconds), event=event
            )
        )
    return envelopes


def pieces(text: str, size: int = 7) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def step_ended(stop: StopReason, reasoning: int, timings: events.Timings) -> events.StepEnded:
    usage = Usage(prompt_tokens=6000, completion_tokens=reasoning + 80, cached_tokens=5000, reasoning_tokens=reasoning)
    return events.StepEnded(
        stop=stop, model="deepseek/deepseek-v4-pro", usage=usage, cost=Cost(), price=PRICE, timings=timings
    )


def whole_turn() -> list[Envelope]:
    read = ToolCall(id="c1", name="read", arguments='{"path": "src/auth/tokens.py"}')
    grep = ToolCall(id="c2", name="grep", arguments='{"pattern": "is_expired"}')
    edit = ToolCall(id="c3", name="edit", arguments='{"path": "src/auth/tokens.py", "old": "a", "new": "b"}')
    change = diff_texts("src/auth/tokens.py", BEFORE, AFTER)
    first = AssistantMessage(reasoning=REASONING, tool_calls=(read, grep))
    timeline: list[tuple[float, Event]] = [
        (0, events.TurnStarted(prompt="why does test_expired fail? fix it")),
        (0.1, STEP),
        *((1 + 0.1 * n, delta_events.ReasoningDelta(text)) for n, text in enumerate(pieces(REASONING))),
        (2, delta_events.MessageProgress(reasoning=REASONING[:70])),
        (11.9, delta_events.ToolCallDelta(index=0, name="read", characters=12)),
        (12, delta_events.ToolCallDelta(index=1, name="grep", characters=20)),
        (12.1, events.MessageAdded(message=first)),
        (12.1, step_ended(StopReason.TOOL_CALLS, 1482, events.Timings(first_token=0.9, total=12.0))),
        (12.2, events.ToolRequested(call=read, plan=Plan(effects=(Effect.READ,), subject="src/auth/tokens.py  1-120"))),
        (12.2, events.ToolRequested(call=grep, plan=Plan(effects=(Effect.READ,), subject="is_expired  in src/"))),
        (12.3, events.ToolEnded(id="c2", result=ToolResult(outcome=Outcome.DONE, content="x" * 800, summary="3 hits"))),
        (12.3, events.ToolEnded(id="c1", result=ToolResult(outcome=Outcome.DONE, content="y" * 7600, seconds=0.01))),
        (12.4, STEP),
        (13, delta_events.ToolCallDelta(index=0, name="edit", characters=50)),
        (13.5, events.MessageAdded(message=AssistantMessage(tool_calls=(edit,)))),
        (13.5, step_ended(StopReason.TOOL_CALLS, 0, events.Timings(total=1.1))),
        (
            13.6,
            events.ToolRequested(call=edit, plan=Plan(effects=(Effect.WRITE,), subject=change.path, diffs=(change,))),
        ),
        (13.6, questions.QuestionAsked(id="q1", text="Change the file?", options=(), call_id="c3")),
        (20, questions.QuestionAnswered(id="q1", answer=questions.Answer(answer="once"))),
        (
            20.1,
            events.ToolEnded(
                id="c3", result=ToolResult(outcome=Outcome.DONE, content="ok", summary="changed", diffs=(change,))
            ),
        ),
        (20.2, STEP),
        *((21 + 0.1 * n, delta_events.TextDelta(text)) for n, text in enumerate(pieces(ANSWER))),
        (30, events.MessageAdded(message=AssistantMessage(content=ANSWER))),
        (30, step_ended(StopReason.STOP, 0, events.Timings(first_token=0.8, first_answer=0.8, total=9.8))),
        (30, events.TurnEnded(reason=events.TurnEnd.ANSWERED)),
    ]
    return in_order(timeline)
