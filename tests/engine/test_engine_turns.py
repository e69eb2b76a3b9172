from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from scripted import USAGE, ScriptedProvider, World, answer, call, calls, kinds, only, play

from dsterm.core.config import Config
from dsterm.core.delta_events import TextDelta
from dsterm.core.events import (
    MessageAdded,
    Notice,
    StepEnded,
    StepRetried,
    TasksChanged,
    ToolEnded,
    TurnEnd,
    TurnEnded,
    TurnStarted,
)
from dsterm.core.messages import AssistantMessage, ToolMessage, UserMessage
from dsterm.core.models import PermissionMode, ThinkingMode
from dsterm.core.provider import (
    Ended,
    Failure,
    FailureKind,
    ReasoningPiece,
    ServedBy,
    StopReason,
    TextPiece,
    UsagePiece,
)
from dsterm.core.questions import Answer
from dsterm.core.tools import Outcome
from dsterm.core.wire_events import Intervened
from dsterm.engine.parts import RepoState

ACCEPT = Config(permission_mode=PermissionMode.ACCEPT_EDITS)
OVERLOADED = Failure(kind=FailureKind.SERVER, message="overloaded", status=503, is_retryable=True)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def end(events: list[object]) -> TurnEnded:
    last = events[-1]
    assert isinstance(last, TurnEnded)
    return last


def result(events: list[object], number: int = 0) -> ToolEnded:
    found = [event for event in events if isinstance(event, ToolEnded)][number]
    assert isinstance(found, ToolEnded)
    return found


async def test_a_plain_answer_is_a_turn_of_one_step(world: World) -> None:
    provider = ScriptedProvider([[ReasoningPiece("hm"), *answer("hello")]])
    events = await play(world.engine(provider), "hi")
    assert kinds(events) == [
        "TurnStarted", "StepStarted", "ReasoningDelta", "TextDelta", "MessageAdded", "StepEnded", "TurnEnded",
    ]  # fmt: skip
    assert end(events).reason is TurnEnd.ANSWERED
    step = only(events, StepEnded)[0]
    assert isinstance(step, StepEnded)
    assert step.cost is not None
    assert step.cost.total == (640 * Decimal("0.135") + 360 * Decimal("1.60") + 50 * Decimal("3.20")) / 1_000_000


async def test_only_the_first_prompt_carries_the_environment(world: World) -> None:
    provider = ScriptedProvider([answer("one"), answer("two")])
    engine = world.engine(provider)
    await play(engine, "first")
    await play(engine, "second")
    users = [m.text for m in provider.requests[1].messages if isinstance(m, UserMessage)]
    assert users == ["<environment>branch main</environment>\n\nfirst", "second"]


async def test_each_request_continues_the_one_before_it(world: World) -> None:
    (world.folder / "a.txt").write_text("one\n")
    provider = ScriptedProvider(
        [calls(ReasoningPiece("look"), call("read", {"file_path": "a.txt"})), answer("done"), answer("more")]
    )
    engine = world.engine(provider)
    await play(engine, "first")
    await play(engine, "second")
    for earlier, later in zip(provider.requests, provider.requests[1:], strict=False):
        assert later.messages[: len(earlier.messages)] == earlier.messages
        assert (later.system, later.tools) == (earlier.system, earlier.tools)


async def test_reads_run_and_their_results_go_back_in_order(world: World) -> None:
    (world.folder / "a.txt").write_text("alpha\n")
    (world.folder / "b.txt").write_text("beta\n")
    script = calls(call("read", {"file_path": "a.txt"}, "c1"), call("read", {"file_path": "b.txt"}, "c2", 1))
    provider = ScriptedProvider([script, answer("read")])
    await play(world.engine(provider), "read both")
    tools = [m for m in provider.requests[1].messages if isinstance(m, ToolMessage)]
    assert [(m.call_id, word in m.content) for m, word in zip(tools, ("alpha", "beta"), strict=True)] == [
        ("c1", True),
        ("c2", True),
    ]


async def test_a_write_asks_with_the_diff_and_lands_after_yes(world: World) -> None:
    provider = ScriptedProvider([calls(call("write", {"file_path": "new.txt", "content": "hi\n"})), answer("written")])
    events = await play(world.engine(provider), "write", [Answer(answer="once")])
    assert [k for k in kinds(events) if k.startswith(("Tool", "Question")) and k != "ToolCallDelta"] == [
        "ToolRequested", "QuestionAsked", "QuestionAnswered", "ToolEnded",
    ]  # fmt: skip
    assert (world.folder / "new.txt").read_text() == "hi\n"
    assert result(events).result.outcome is Outcome.DONE


async def test_a_refusal_tells_the_model_the_reason_and_writes_nothing(world: World) -> None:
    provider = ScriptedProvider([calls(call("write", {"file_path": "new.txt", "content": "hi\n"})), answer("ok")])
    events = await play(world.engine(provider), "write", [Answer(answer="deny", text="use another name")])
    assert result(events).result.outcome is Outcome.REFUSED
    assert "use another name" in result(events).result.content
    assert not (world.folder / "new.txt").exists()


async def test_all_this_session_asks_only_once(world: World) -> None:
    script = calls(
        call("write", {"file_path": "a.txt", "content": "a\n"}, "c1"),
        call("write", {"file_path": "b.txt", "content": "b\n"}, "c2", 1),
    )
    provider = ScriptedProvider([script, answer("ok")])
    events = await play(world.engine(provider), "write", [Answer(answer="session")])
    assert kinds(events).count("QuestionAsked") == 1
    assert (world.folder / "b.txt").exists()


async def test_where_nobody_can_be_asked_a_write_is_denied_with_an_explanation(world: World) -> None:
    provider = ScriptedProvider([calls(call("write", {"file_path": "a.txt", "content": "a\n"})), answer("ok")])
    events = await play(world.engine(provider, can_ask=False), "write")
    assert "nobody can be asked" in result(events).result.content
    assert "QuestionAsked" not in kinds(events)


async def test_plan_mode_denies_and_tells_the_model_before_it_tries(world: World) -> None:
    provider = ScriptedProvider([calls(call("write", {"file_path": "a.txt", "content": "a\n"})), answer("a plan")])
    events = await play(world.engine(provider, Config(permission_mode=PermissionMode.PLAN)), "write")
    assert result(events).result.outcome is Outcome.REFUSED
    first = provider.requests[0].messages[0]
    assert isinstance(first, UserMessage)
    assert "Plan mode is on" in first.text


async def test_an_edit_may_follow_a_read_in_the_same_message(world: World) -> None:
    (world.folder / "a.txt").write_text("one\ntwo\n")
    script = calls(
        call("read", {"file_path": "a.txt"}, "c1"),
        call("edit", {"file_path": "a.txt", "old_string": "two", "new_string": "2"}, "c2", 1),
    )
    events = await play(world.engine(ScriptedProvider([script, answer("ok")]), ACCEPT), "edit")
    assert [event.result.outcome for event in events if isinstance(event, ToolEnded)] == [Outcome.DONE, Outcome.DONE]
    assert (world.folder / "a.txt").read_text() == "one\n2\n"


async def test_unknown_tools_and_broken_arguments_are_answered_not_raised(world: World) -> None:
    broken = call("read", {}, "c2", 1)
    script = calls(call("launch", {}, "c1"), type(broken)(index=1, id="c2", name="read", arguments='{"file_path": "a'))
    events = await play(world.engine(ScriptedProvider([script, answer("sorry")])), "go")
    assert [event.result.outcome for event in events if isinstance(event, ToolEnded)] == [
        Outcome.FAILED,
        Outcome.FAILED,
    ]
    assert end(events).reason is TurnEnd.ANSWERED


async def test_calls_cut_off_by_the_output_limit_never_run(world: World) -> None:
    script = [
        call("write", {"file_path": "a.txt", "content": "a\n"}),
        UsagePiece(usage=USAGE),
        Ended(stop=StopReason.LENGTH),
    ]
    events = await play(world.engine(ScriptedProvider([script, answer("ok")]), ACCEPT), "write")
    assert result(events).result.outcome is Outcome.FAILED
    assert not (world.folder / "a.txt").exists()


async def test_todo_write_changes_the_tasks(world: World) -> None:
    todos = [{"content": "look", "status": "in_progress"}]
    events = await play(
        world.engine(ScriptedProvider([calls(call("todo_write", {"todos": todos})), answer("ok")])), "plan"
    )
    changed = only(events, TasksChanged)[0]
    assert isinstance(changed, TasksChanged)
    assert [task.content for task in changed.tasks] == ["look"]


async def test_an_overloaded_server_is_tried_again_before_anything_was_shown(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dsterm.llm.retry._FIRST_WAIT", 0.001)
    provider = ScriptedProvider([[Ended(stop=StopReason.FAILED, failure=OVERLOADED)], answer("hello")])
    events = await play(world.engine(provider), "hi")
    assert len(only(events, StepRetried)) == 1
    assert end(events).reason is TurnEnd.ANSWERED
    assert provider.requests[0] == provider.requests[1]


async def test_after_text_was_shown_it_is_tried_again_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dsterm.llm.retry._FIRST_WAIT", 0.001)
    cut = [TextPiece("half"), Ended(stop=StopReason.CUT)]
    events = await play(world.engine(ScriptedProvider([cut, cut])), "hi")
    assert len(only(events, StepRetried)) == 1
    assert end(events).reason is TurnEnd.FAILED
    message = only(events, MessageAdded)[0]
    assert isinstance(message, MessageAdded)
    assert message.message == AssistantMessage(
        content="half", model="deepseek/deepseek-v4-pro", mode=ThinkingMode.THINK, is_cut=True
    )


async def test_what_a_retried_attempt_had_shown_is_billed_as_a_step_of_its_own(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dsterm.llm.retry._FIRST_WAIT", 0.001)
    provider = ScriptedProvider([[TextPiece("half"), Ended(stop=StopReason.CUT)], answer("whole")])
    engine = world.engine(provider)
    events = await play(engine, "hi")
    steps = [event for event in events if isinstance(event, StepEnded)]
    assert [(step.stop, step.usage is not None and step.usage.is_estimate) for step in steps] == [
        (StopReason.FAILED, True),
        (StopReason.STOP, False),
    ]
    assert steps[0].usage is not None
    assert steps[0].usage.completion_tokens == 1
    total = sum((step.cost.total for step in steps if step.cost), Decimal(0))
    assert engine.status().session.dollars == total
    assert provider.requests[0] == provider.requests[1]


async def test_stopping_while_a_retry_waits_keeps_what_was_shown(world: World) -> None:
    provider = ScriptedProvider([[TextPiece("half"), Ended(stop=StopReason.CUT)]])
    engine = world.engine(provider)
    seen: list[object] = []
    async for envelope in engine.run("hi"):
        seen.append(envelope.event)
        if isinstance(envelope.event, StepRetried):
            engine.interrupt()
    assert end(seen).reason is TurnEnd.INTERRUPTED
    kept = [event.message for event in seen if isinstance(event, MessageAdded)]
    assert [(message.content, message.is_cut) for message in kept] == [("half", True)]
    assert kinds(seen).count("StepStarted") == kinds(seen).count("StepEnded")  # type: ignore[arg-type]


async def test_a_refused_key_is_not_tried_again(world: World) -> None:
    failure = Failure(kind=FailureKind.AUTHENTICATION, message="wrong key", hint="set it", status=401)
    events = await play(world.engine(ScriptedProvider([[Ended(stop=StopReason.FAILED, failure=failure)]])), "hi")
    assert kinds(events) == ["TurnStarted", "StepStarted", "StepEnded", "TurnEnded"]
    assert end(events).text == "wrong key set it"


async def test_missing_usage_is_estimated_and_marked(world: World) -> None:
    events = await play(world.engine(ScriptedProvider([answer("hello", None)])), "hi")
    step = only(events, StepEnded)[0]
    assert isinstance(step, StepEnded)
    assert step.usage is not None
    assert step.usage.is_estimate
    assert step.usage.completion_tokens == 2


async def test_another_model_than_asked_is_priced_as_what_it_is(world: World) -> None:
    script = [ServedBy("deepseek/deepseek-v4-flash"), *answer("hello")]
    events = await play(world.engine(ScriptedProvider([script])), "hi")
    step = only(events, StepEnded)[0]
    assert isinstance(step, StepEnded)
    assert step.model == "deepseek/deepseek-v4-flash"
    assert step.price is not None
    assert step.price.input == Decimal("0.14")


async def test_reasoning_in_non_think_is_said_once(world: World) -> None:
    provider = ScriptedProvider([[ReasoningPiece("hm"), *answer("a")], [ReasoningPiece("hm"), *answer("b")]])
    engine = world.engine(provider, Config(mode=ThinkingMode.NON_THINK))
    events = [*await play(engine, "hi"), *await play(engine, "again")]
    assert len([e for e in events if isinstance(e, Intervened) and "Non-think" in e.text]) == 1


async def test_interrupting_keeps_what_was_shown_and_the_next_request_is_valid(world: World) -> None:
    provider = ScriptedProvider([[ReasoningPiece("hm"), TextPiece("half an ans"), 30.0], answer("whole")])
    engine = world.engine(provider)
    seen: list[object] = []
    async for envelope in engine.run("hi"):
        seen.append(envelope.event)
        if isinstance(envelope.event, TextDelta):
            engine.interrupt()
    assert end(seen).reason is TurnEnd.INTERRUPTED
    assert kinds(seen)[-3:] == ["MessageAdded", "StepEnded", "TurnEnded"]  # type: ignore[arg-type]
    await play(engine, "go on")
    assert provider.requests[1].messages[1] == AssistantMessage(
        content="half an ans", reasoning="hm", model="deepseek/deepseek-v4-pro", is_cut=True
    )


async def test_interrupting_while_a_question_waits_answers_every_call(world: World) -> None:
    script = calls(
        call("write", {"file_path": "a", "content": ""}, "c1"),
        call("write", {"file_path": "b", "content": ""}, "c2", 1),
    )
    provider = ScriptedProvider([script, answer("ok")])
    engine = world.engine(provider)
    seen: list[object] = []
    async for envelope in engine.run("hi"):
        seen.append(envelope.event)
        if type(envelope.event).__name__ == "QuestionAsked":
            engine.interrupt()
    assert {event.id for event in seen if isinstance(event, ToolEnded)} == {"c1", "c2"}
    await play(engine, "again")
    assert [m.call_id for m in provider.requests[1].messages if isinstance(m, ToolMessage)] == ["c1", "c2"]


async def test_leaving_the_iteration_ends_the_turn_in_the_log(world: World) -> None:
    engine = world.engine(ScriptedProvider([[TextPiece("half"), 30.0]]))
    stream = engine.run("hi")
    async for envelope in stream:
        if isinstance(envelope.event, TextDelta):
            break
    await stream.aclose()  # type: ignore[attr-defined]
    assert kinds(engine.transcript())[-1] == "TurnEnded"


async def test_steering_is_said_before_the_next_step(world: World) -> None:
    (world.folder / "a.txt").write_text("one\n")
    provider = ScriptedProvider([calls(call("read", {"file_path": "a.txt"})), answer("ok")])
    engine = world.engine(provider)
    async for envelope in engine.run("hi"):
        if isinstance(envelope.event, ToolEnded):
            engine.steer("be brief")
    assert provider.requests[1].messages[-1] == UserMessage(text="be brief")


async def test_the_cap_on_requests_ends_the_run_with_a_word(world: World) -> None:
    (world.folder / "a.txt").write_text("one\n")
    provider = ScriptedProvider([calls(call("read", {"file_path": "a.txt"}))])
    events = await play(world.engine(provider, Config(max_turns=1)), "hi")
    assert end(events).reason is TurnEnd.MAX_TURNS
    assert "--max-turns" in end(events).text


async def test_a_budget_caps_the_output_and_then_stops(world: World) -> None:
    provider = ScriptedProvider([answer("one"), answer("two")])
    engine = world.engine(provider, Config(budget=Decimal("0.012")))
    first = await play(engine, "hi")
    assert provider.requests[0].max_tokens < 4000
    assert end(first).reason is TurnEnd.ANSWERED
    small = await play(world.engine(ScriptedProvider([]), Config(budget=Decimal("0.0001"))), "hi")
    assert end(small).reason is TurnEnd.BUDGET
    assert kinds(small) == ["TurnStarted", "TurnEnded"]


async def test_the_prompt_is_on_disk_before_it_is_sent(world: World) -> None:
    found: list[str] = []

    class Looking(ScriptedProvider):
        async def stream(self, request: object):  # type: ignore[no-untyped-def,override]
            found.extend(path.read_text() for path in (world.home / "sessions").glob("*.jsonl"))
            async for delta in super().stream(request):  # type: ignore[arg-type]
                yield delta

    await play(world.engine(Looking([answer("ok")])), "remember me")
    assert "remember me" in found[0]


async def test_a_running_turn_can_not_be_doubled(world: World) -> None:
    engine = world.engine(ScriptedProvider([[TextPiece("a"), 30.0]]))
    stream = engine.run("hi")
    assert isinstance((await anext(stream)).event, TurnStarted)
    with pytest.raises(RuntimeError):
        await anext(engine.run("again"))
    await stream.aclose()  # type: ignore[attr-defined]


async def test_the_status_runs_while_the_answer_streams(world: World) -> None:
    engine = world.engine(ScriptedProvider([[TextPiece("four" * 10), 0.01, *answer("done")]]))
    during = [engine.status() async for envelope in engine.run("hi") if isinstance(envelope.event, TextDelta)]
    assert during[0].is_running
    assert during[0].turn.is_estimate
    assert during[0].turn.dollars
    await asyncio.sleep(0)
    after = engine.status()
    assert not after.is_running
    assert not after.turn.is_estimate
    assert after.context_tokens == USAGE.total_tokens
    assert after.hit_share == 0.64


async def test_a_switch_during_a_turn_holds_for_its_next_step(world: World) -> None:
    (world.folder / "a.txt").write_text("one\n")
    provider = ScriptedProvider([calls(call("read", {"file_path": "a.txt"})), answer("ok")])
    engine = world.engine(provider)
    seen: list[object] = []
    async for envelope in engine.run("hi"):
        seen.append(envelope.event)
        if isinstance(envelope.event, ToolEnded):
            assert [e async for e in engine.command("/flash")] == []
    assert [request.model.alias for request in provider.requests] == ["pro", "flash"]
    assert "ModelChanged" in kinds(seen)  # type: ignore[arg-type]


async def test_what_the_turn_stands_on_can_not_be_changed_while_it_runs(world: World) -> None:
    engine = world.engine(ScriptedProvider([[TextPiece("a"), 0.05, *answer("b")]]))
    before = engine.status().session_id
    seen: list[object] = []
    async for envelope in engine.run("hi"):
        seen.append(envelope.event)
        if envelope.event == TextDelta("a"):
            assert [e async for e in engine.command("/new")] == []
    assert engine.status().session_id == before
    assert any(isinstance(event, Notice) and "has to wait" in event.text for event in seen)


async def test_a_command_may_follow_the_last_event_of_a_turn_at_once(world: World) -> None:
    engine = world.engine(ScriptedProvider([answer("b")]))
    async for envelope in engine.run("hi"):
        if isinstance(envelope.event, TurnEnded):
            await asyncio.sleep(0)
            assert kinds([e async for e in engine.command("/flash")]) == ["ModelChanged"]
    assert not engine.status().is_running


async def test_a_turn_stopped_before_anything_was_found_out_has_begun_with_its_prompt(world: World) -> None:
    engine = world.engine(ScriptedProvider([answer("done")]))

    async def stopped() -> RepoState:
        engine.interrupt()
        await asyncio.sleep(60)
        return RepoState()

    engine._parts = replace(engine._parts, repo_state=stopped)
    engine._live.parts = engine._parts
    events = [envelope.event async for envelope in engine.run("hello")]
    assert [type(event).__name__ for event in events] == ["TurnStarted", "TurnEnded"]
    assert isinstance(events[0], TurnStarted)
    assert (events[0].prompt, bool(events[0].note)) == ("hello", True)
    await engine.close()
