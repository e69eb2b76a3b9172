from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from scripted import ScriptedProvider, World, answer, call, calls, do, kinds, play

from dsterm.core.config import Config
from dsterm.core.errors import DiskError, UsageError
from dsterm.core.events import Notice, NoticeLevel, StepEnded, ToolEnded, TurnEnd, TurnEnded
from dsterm.core.messages import ToolMessage, UserMessage
from dsterm.core.models import ModelCard, PermissionMode, ThinkingMode
from dsterm.core.provider import TextPiece
from dsterm.core.tools import Outcome
from dsterm.engine.journal import Journal


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def texts(events: list[object]) -> str:
    return "\n".join(event.text for event in events if isinstance(event, Notice))


def errors(events: list[object]) -> list[str]:
    return [event.text for event in events if isinstance(event, Notice) and event.level is NoticeLevel.ERROR]


async def test_a_resumed_session_sends_what_the_first_one_said(world: World) -> None:
    first = world.engine(ScriptedProvider([answer("one")]))
    await play(first, "hello")
    await first.close()
    provider = ScriptedProvider([answer("two")])
    second = world.engine(provider)
    second.resume_latest()
    await play(second, "again")
    assert [type(m).__name__ for m in provider.requests[0].messages] == [
        "UserMessage",
        "AssistantMessage",
        "UserMessage",
    ]
    assert second.status().session_id == first.status().session_id


async def test_a_resumed_session_keeps_its_model_and_mode(world: World) -> None:
    first = world.engine(ScriptedProvider([answer("one")]))
    await do(first, "/model flash")
    await do(first, "/mode max")
    await play(first, "hello")
    await first.close()
    second = world.engine(ScriptedProvider([]))
    second.resume_latest()
    status = second.status()
    assert (status.model.alias, status.mode) == ("flash", ThinkingMode.THINK_MAX)


@pytest.mark.parametrize("cut_after", range(1, 13))
async def test_a_session_cut_anywhere_resumes_with_every_end_and_a_valid_history(world: World, cut_after: int) -> None:
    (world.folder / "a.txt").write_text("one\n")
    first = world.engine(
        ScriptedProvider([calls(TextPiece("look"), call("read", {"file_path": "a.txt"})), answer("done")]), Config()
    )
    await play(first, "hello")
    await first.close()
    log = next((world.home / "sessions").glob("*.jsonl"))
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[: cut_after + 1]))
    provider = ScriptedProvider([answer("on")])
    second = world.engine(provider)
    second.resume_latest()
    names = kinds(second.transcript())
    for begin, finish in (("TurnStarted", "TurnEnded"), ("StepStarted", "StepEnded"), ("ToolRequested", "ToolEnded")):
        assert names.count(begin) <= names.count(finish)
    assert [envelope.seq for envelope in second.transcript()] == list(range(1, len(names) + 1))
    await play(second, "go on")
    asked = {c.id for m in provider.requests[0].messages if hasattr(m, "tool_calls") for c in m.tool_calls}
    assert asked == {m.call_id for m in provider.requests[0].messages if isinstance(m, ToolMessage)}


async def test_a_tool_that_was_running_is_marked_unknown(world: World) -> None:
    first = world.engine(ScriptedProvider([calls(call("write", {"file_path": "a", "content": "a"}))]))
    stream = first.run("hello")
    async for envelope in stream:
        if type(envelope.event).__name__ == "QuestionAsked":
            break
    log = next((world.home / "sessions").glob("*.jsonl"))
    kept = log.read_bytes()
    await stream.aclose()  # type: ignore[attr-defined]
    await first.close()
    log.write_bytes(kept)
    second = world.engine(ScriptedProvider([]))
    second.resume_latest()
    ended = [e.event for e in second.transcript() if isinstance(e.event, ToolEnded)]
    assert [e.result.outcome for e in ended] == [Outcome.UNKNOWN]
    assert "QuestionAnswered" in kinds(second.transcript())


async def test_the_cost_is_in_the_index_to_the_last_digit(world: World) -> None:
    engine = world.engine(ScriptedProvider([answer("one"), answer("two")]))
    events = [*await play(engine, "a"), *await play(engine, "b")]
    total = sum((e.cost.total for e in events if isinstance(e, StepEnded) and e.cost), Decimal(0))
    from dsterm.store.index import Index

    index = Index(world.home / "index.db", world.store)
    assert index.totals().cost.total == total
    index.close()


async def test_a_session_without_a_word_leaves_no_file(world: World) -> None:
    engine = world.engine(ScriptedProvider([]))
    await do(engine, "/model flash")
    await engine.close()
    assert not list(world.home.rglob("*.jsonl"))


async def test_a_choice_before_the_first_prompt_is_in_the_log(world: World) -> None:
    engine = world.engine(ScriptedProvider([answer("one")]))
    await do(engine, "/model flash")
    await play(engine, "hello")
    assert "ModelChanged" in next((world.home / "sessions").glob("*.jsonl")).read_text()


async def test_nothing_is_written_when_nothing_is_to_be_saved(world: World) -> None:
    engine = world.engine(ScriptedProvider([answer("one")]), is_saved=False)
    await play(engine, "hello")
    assert not world.home.exists()
    assert not engine.status().is_saved
    with pytest.raises(UsageError, match="--no-save"):
        engine.resume("x")


async def test_when_the_disk_fails_the_conversation_goes_on_unsaved(world: World) -> None:
    class Failing:
        def append(self, _envelope: object, *, durable: bool = True) -> None:
            raise DiskError("The disk is full.")

        def close(self) -> None:
            pass

    engine = world.engine(ScriptedProvider([answer("one"), answer("two")]))
    journal: Journal = engine._live.journal
    journal._open_log = Failing  # type: ignore[assignment]
    events = await play(engine, "hello")
    assert "goes on unsaved" in texts(events)
    assert isinstance(events[-1], TurnEnded)
    assert events[-1].reason is TurnEnd.ANSWERED
    assert not engine.status().is_saved


async def test_model_and_mode_commands_change_the_next_request(world: World) -> None:
    provider = ScriptedProvider([answer("one"), answer("two")])
    engine = world.engine(provider)
    await play(engine, "a")
    assert kinds(await do(engine, "/flash")) == ["ModelChanged"]
    assert kinds(await do(engine, "/think off")) == ["ModeChanged"]
    await play(engine, "b")
    model: ModelCard = provider.requests[1].model
    assert (model.alias, provider.requests[1].mode) == ("flash", ThinkingMode.NON_THINK)
    assert provider.requests[1].messages[:1] == provider.requests[0].messages


async def test_a_switch_says_what_it_costs_until_it_is_taken_back(world: World) -> None:
    engine = world.engine(ScriptedProvider([answer("one")]))
    await play(engine, "a")
    assert engine.status().switch_note == ""
    await do(engine, "/flash")
    assert "was ~$" in engine.status().switch_note
    await do(engine, "/pro")
    assert engine.status().switch_note == ""


@pytest.mark.parametrize(
    "line", ["/model nope", "/mode nope", "/permissions nope", "/nope", "/attach", '/attach "a', "/detach"]
)
async def test_a_wrong_command_is_one_sentence(world: World, line: str) -> None:
    found = errors(await do(world.engine(ScriptedProvider([])), line))
    assert len(found) == 1
    assert "Traceback" not in found[0]


async def test_permissions_change_what_is_asked(world: World) -> None:
    engine = world.engine(ScriptedProvider([calls(call("write", {"file_path": "a", "content": "a\n"})), answer("ok")]))
    await do(engine, "/permissions accept-edits")
    assert engine.status().permission_mode is PermissionMode.ACCEPT_EDITS
    assert "QuestionAsked" not in kinds(await play(engine, "go"))


async def test_an_attached_repo_stands_before_the_prompt_and_is_quoted_first(world: World) -> None:
    provider = ScriptedProvider([answer("one")])
    engine = world.engine(provider)
    said = texts(await do(engine, "/attach ."))
    assert "1 file," in said
    assert "~$" in said
    await play(engine, "what is it")
    first = provider.requests[0].messages[0]
    assert isinstance(first, UserMessage)
    assert "x = 1" in first.text


async def test_a_resumed_session_sends_the_same_pack(world: World) -> None:
    first_provider = ScriptedProvider([answer("one")])
    first = world.engine(first_provider)
    await do(first, "/attach .")
    await play(first, "what is it")
    await first.close()
    provider = ScriptedProvider([answer("two")])
    second = world.engine(provider)
    second.resume_latest()
    await play(second, "and now")
    assert provider.requests[0].messages[0] == first_provider.requests[0].messages[0]


async def test_what_does_not_fit_is_refused_with_figures(world: World) -> None:
    engine = world.engine(ScriptedProvider([]), pack_text="abcd " * 900_000)
    found = errors(await do(engine, "/attach ."))
    assert "1,048,576" in found[0]
    assert engine.status().packs == ()


async def test_the_same_pack_is_attached_once_and_can_be_detached(world: World) -> None:
    engine = world.engine(ScriptedProvider([]))
    await do(engine, "/attach .")
    assert errors(await do(engine, "/attach ."))
    await do(engine, "/detach")
    assert engine.status().packs == ()


async def test_new_begins_another_session_with_the_same_choices(world: World) -> None:
    engine = world.engine(ScriptedProvider([answer("one"), answer("two")]))
    await do(engine, "/flash")
    await play(engine, "a")
    before = engine.status().session_id
    await do(engine, "/clear")
    assert engine.status().session_id != before
    assert engine.status().model.alias == "flash"
    assert engine.transcript() == ()
    await play(engine, "b")
    assert len(engine.sessions()) == 2


async def test_resume_lists_and_goes_on(world: World) -> None:
    engine = world.engine(ScriptedProvider([answer("one"), answer("two")]))
    await play(engine, "the first prompt")
    before = engine.status().session_id
    await do(engine, "/new")
    assert before in texts(await do(engine, "/resume"))
    await do(engine, f"/resume {before}")
    assert engine.status().session_id == before


async def test_cost_shows_every_request_and_the_exact_total(world: World) -> None:
    engine = world.engine(ScriptedProvider([answer("one"), answer("two")]))
    assert "Nothing was sent" in texts(await do(engine, "/cost"))
    await play(engine, "a")
    await do(engine, "/flash")
    await play(engine, "b")
    said = texts(await do(engine, "/cost"))
    assert "total $0.00090472" in said
    assert said.count("v4-flash · Think") == 2


async def test_status_names_the_session_and_the_folder(world: World) -> None:
    engine = world.engine(ScriptedProvider([]))
    said = texts(await do(engine, "/status"))
    assert str(world.folder) in said
    assert "branch main, 2 changed files" in said
