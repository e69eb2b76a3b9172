from __future__ import annotations

import typing
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from dsterm.core import delta_events, events, questions, repo_events, report_events, wire_events
from dsterm.core.command_events import (
    CheckEnded,
    CheckStarted,
    JobChanged,
    PlanDecided,
    PlanDecision,
    PlanProposed,
    UserCommandEnded,
    UserCommandStarted,
)
from dsterm.core.command_plan import Confinement
from dsterm.core.commands import Job, JobState
from dsterm.core.context_events import Compacted, OriginalsRestored, ResultsPruned
from dsterm.core.diff import diff_texts
from dsterm.core.events import Envelope, Event
from dsterm.core.instruction_events import InstructionSource, InstructionsRead
from dsterm.core.mentions import Mention, MentionKind
from dsterm.core.messages import AssistantMessage, Pack, ToolCall
from dsterm.core.models import Cost, Forecast, PermissionMode, Price, ThinkingMode, Usage
from dsterm.core.provider import Failure, FailureKind, StopReason
from dsterm.core.tools import Effect, Outcome, Plan, Task, TaskState, ToolResult
from dsterm.core.undo_events import (
    ChangesSaved,
    CheckpointSaved,
    Direction,
    FileChange,
    Rewound,
    SavedFile,
    Undone,
)

DIFF = diff_texts("a.py", "x\ny\n", "x\nz\n")
PRICE = Price(
    input=Decimal("1.60"),
    output=Decimal("3.20"),
    cache_read=Decimal("0.135"),
    since=datetime(2026, 6, 9, tzinfo=UTC).date(),
    source="s",
)
CALL = ToolCall(id="c1", name="edit", arguments='{"a": 1}')
SAVED = SavedFile(path="a.py", blob="0" * 64, mode=0o100644)
SAMPLES: list[Event] = [
    events.TurnStarted(prompt="hi", note="n"),
    events.Steered(text="also"),
    events.TurnStarted(
        prompt="@a.py:1-2",
        mentions=(
            Mention(kind=MentionKind.FILE, written="@a.py:1-2", target="a.py", first=1, last=2, tokens=3, size=4),
        ),
    ),
    events.Steered(text="@log", note="n", mentions=(Mention(kind=MentionKind.LOG, written="@log", problem="p"),)),
    InstructionsRead(text="t", sources=(InstructionSource(place="AGENTS.md", tokens=3, is_cut=True),), is_later=True),
    events.TurnEnded(reason=events.TurnEnd.ANSWERED),
    events.StepStarted(
        provider="novita",
        model="m",
        mode=ThinkingMode.THINK,
        forecast=Forecast(prompt_tokens=1, cached_tokens=0, dollars=Decimal("0.1")),
    ),
    events.StepRetried(attempt=1, wait=0.5, cause="c"),
    events.StepEnded(
        stop=StopReason.STOP,
        model="m",
        usage=Usage(prompt_tokens=3),
        cost=Cost(miss=Decimal("0.0000048")),
        price=PRICE,
        timings=events.Timings(first_token=0.1, total=1.0),
        failure=Failure(kind=FailureKind.SERVER, message="m"),
    ),
    events.AsideEnded(
        purpose="commit message", ended=events.StepEnded(stop=StopReason.STOP, model="m", usage=Usage(prompt_tokens=3))
    ),
    JobChanged(
        job=Job(
            id="1",
            command="make",
            state=JobState.ENDED,
            started=datetime(2026, 6, 9, tzinfo=UTC),
            confinement=Confinement.SANDBOX,
            exit_code=0,
        )
    ),
    UserCommandStarted(id="u1", command="ls"),
    UserCommandEnded(id="u1", command="ls", output="a\n", exit_code=0, tokens=2),
    PlanProposed(text="# Plan"),
    PlanDecided(decision=PlanDecision.REJECTED, text="no"),
    CheckStarted(id="k1", command="ruff check", round=1),
    CheckEnded(id="k1", command="ruff check", round=1, passed=False, output="E501"),
    delta_events.TextDelta("a"),
    delta_events.ReasoningDelta("b"),
    delta_events.ToolCallDelta(index=0, name="read", characters=3),
    delta_events.MessageProgress(content="a"),
    events.MessageAdded(message=AssistantMessage(content="a", tool_calls=(CALL,))),
    events.ToolRequested(call=CALL, plan=Plan(effects=(Effect.WRITE,), subject="a.py", diffs=(DIFF,))),
    delta_events.ToolProgress(id="c1", text="x"),
    delta_events.WorkProgress("x"),
    events.ToolEnded(id="c1", result=ToolResult(outcome=Outcome.DONE, content="ok", diffs=(DIFF,))),
    questions.QuestionAsked(id="q", text="?", options=(questions.Option(key="y", answer="once", label="yes"),)),
    questions.QuestionAnswered(id="q", answer=questions.Answer(answer="once")),
    events.ModelChanged(provider="novita", model="m"),
    events.ModeChanged(mode=ThinkingMode.THINK_MAX),
    events.PermissionModeChanged(mode=PermissionMode.PLAN),
    repo_events.RepoAttached(pack=Pack(digest="0" * 64, source=".")),
    repo_events.RepoDetached(digest="0" * 64),
    ResultsPruned(call_ids=("c1",), tokens=4_000, is_automatic=True),
    Compacted(summary="s", keeps=2, tokens_before=61_000, tokens_after=8_000, focus="f", dollars=Decimal("0.0012")),
    OriginalsRestored(),
    repo_events.RepoChanged(
        digest="0" * 64,
        files=(repo_events.ChangedFile(path="b.py", before="1" * 40, after="2" * 40, old_path="a.py", added=1),),
        text="[1 file changed]",
        tokens=4,
        is_partial=True,
    ),
    events.TasksChanged(tasks=(Task(content="t", state=TaskState.COMPLETED),)),
    CheckpointSaved(call_id="c1", files=(SAVED, SavedFile(path="b.py")), new_folders=("src",)),
    ChangesSaved(call_id="c1", files=(SAVED,)),
    Undone(
        turn="e1", direction=Direction.UNDO, changes=(FileChange(before=SAVED, after=SavedFile(path="a.py"), added=1),)
    ),
    Rewound(to="", turn="e1", prompt="hi"),
    wire_events.Intervened(kind=wire_events.Intervention.CONTINUED, text="t", nudge="Go on."),
    wire_events.FellBack(from_provider="novita", from_model="m", provider="deepseek", model="n", cause="503"),
    wire_events.StepStalled(seconds=30.0),
    events.Notice(text="n", level=events.NoticeLevel.WARNING),
    report_events.ReportShown(
        title="t",
        sections=(
            report_events.Picture(parts=(report_events.Part(role=report_events.Role.PACK, tokens=3),)),
            report_events.ReportTable(header=("a", "b"), rows=(report_events.TableRow(cells=("x", "1"), depth=1),)),
            report_events.Sentences(texts=("s",)),
        ),
    ),
    events.UnknownEvent(kind="Later", raw=msgspec.Raw(b"{}")),
]


def test_there_is_a_sample_of_every_kind() -> None:
    assert {type(sample) for sample in SAMPLES} == set(typing.get_args(Event))


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_an_event_survives_json(event: Event) -> None:
    envelope = Envelope(id="i", parent="p", seq=1, at=datetime(2026, 11, 22, tzinfo=UTC), event=event)
    decoded = msgspec.json.decode(msgspec.json.encode(envelope), type=Envelope)
    assert msgspec.json.encode(decoded) == msgspec.json.encode(envelope)
    assert type(decoded.event) is type(event)
