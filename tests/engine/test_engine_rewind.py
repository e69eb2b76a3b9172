from __future__ import annotations

from pathlib import Path

import pytest
from changing_turns import ACCEPT, ask, errors, replaced, state, texts, turns
from scripted import ScriptedProvider, World, answer, call, calls, do, kinds, only, play

from dsterm.core.config import Config
from dsterm.core.events import Notice, TurnStarted
from dsterm.core.messages import ToolMessage, UserMessage
from dsterm.core.models import PermissionMode
from dsterm.core.questions import QuestionAsked
from dsterm.core.undo_events import Rewound, Undone
from dsterm.engine.branch import on_branch
from dsterm.engine.engine import Engine


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def file(world: World) -> Path:
    path = world.folder / "a.txt"
    path.write_text("one\n")
    return path


async def three_turns(world: World, *more: object) -> tuple[Engine, ScriptedProvider]:
    first = turns(replaced("a.txt", "one", "two"), replaced("a.txt", "two", "three"))
    provider = ScriptedProvider([*first._scripts, answer("talk"), *more])  # type: ignore[list-item]
    engine = world.engine(provider, ACCEPT)
    for prompt in ("first", "second", "third"):
        await play(engine, prompt)
    return engine, provider


def said(provider: ScriptedProvider, number: int = -1) -> list[str]:
    return [message.text for message in provider.requests[number].messages if isinstance(message, UserMessage)]


async def test_rewind_lists_the_prompts_with_what_their_turns_changed(world: World, file: Path) -> None:
    engine, _ = await three_turns(world)
    listing = texts(await do(engine, "/rewind")).splitlines()
    assert [line.split()[:2] for line in listing[1:]] == [["1", "first"], ["2", "second"], ["3", "third"]]
    assert listing[1].endswith("+1 −1 in 1 file")
    points = engine.rewind_points()
    assert [(point.number, point.prompt, point.files) for point in points] == [
        (1, "first", 1), (2, "second", 1), (3, "third", 0),
    ]  # fmt: skip


async def test_both_takes_files_and_conversation_back(world: World, file: Path) -> None:
    engine, provider = await three_turns(world, answer("ok"))
    events = await do(engine, "/rewind 2 both")
    assert file.read_text() == "two\n"
    assert kinds(events).index("Notice") < kinds(events).index("Undone") < kinds(events).index("Rewound")
    rewound = only(events, Rewound)[0]
    assert isinstance(rewound, Rewound)
    assert rewound.prompt == "second"
    await play(engine, "another second")
    assert said(provider)[1:] == [
        "[The user went back to this point of the conversation. Files may differ from what you saw.]\n\nanother second"
    ]
    sent = provider.requests[-1].messages
    assert sent[: len(provider.requests[1].messages)] == provider.requests[1].messages


async def test_files_only_leaves_the_conversation_and_tells_the_model(world: World, file: Path) -> None:
    engine, provider = await three_turns(world, answer("ok"))
    await do(engine, "/rewind 1 files")
    assert file.read_text() == "one\n"
    await play(engine, "on")
    assert [text.split("\n")[-1] for text in said(provider)] == ["first", "second", "third", "on"]
    assert "took back changes to a.txt" in said(provider)[-1]
    await do(engine, "/redo")
    assert file.read_text() == "two\n"


async def test_conversation_only_leaves_the_files(world: World, file: Path) -> None:
    engine, provider = await three_turns(world, answer("ok"))
    await do(engine, "/rewind 1 conversation")
    assert file.read_text() == "three\n"
    await play(engine, "anew")
    assert len(said(provider)) == 1
    assert said(provider)[0].startswith("<environment>")
    assert not any(isinstance(message, ToolMessage) for message in provider.requests[-1].messages)
    await do(engine, "/undo 2")
    assert file.read_text() == "one\n"


async def test_without_a_way_it_shows_what_would_change_and_asks(world: World, file: Path) -> None:
    engine, _ = await three_turns(world)
    before = state(world.folder)
    events = await ask(engine, "/rewind 1", "deny")
    assert state(world.folder) == before
    assert "a.txt +1 −1" in texts(events)
    question = only(events, QuestionAsked)[0]
    assert isinstance(question, QuestionAsked)
    assert [option.answer for option in question.options] == ["both", "files", "conversation", "deny"]
    assert kinds(events) == ["Notice", "QuestionAsked", "QuestionAnswered"]
    await ask(engine, "/rewind 1", "both")
    assert file.read_text() == "one\n"


async def test_where_no_file_changed_only_the_conversation_is_offered(world: World, file: Path) -> None:
    engine, _ = await three_turns(world)
    events = await ask(engine, "/rewind 3", "conversation")
    question = only(events, QuestionAsked)[0]
    assert isinstance(question, QuestionAsked)
    assert [option.answer for option in question.options] == ["conversation", "deny"]
    assert not only(events, Undone)
    assert len(engine.rewind_points()) == 2


async def test_a_refused_collision_moves_neither_files_nor_conversation(world: World, file: Path) -> None:
    engine, _ = await three_turns(world)
    file.write_text("mine\n")
    events = await ask(engine, "/rewind 2 both", "deny")
    assert not only(events, Rewound)
    assert file.read_text() == "mine\n"
    assert len(engine.rewind_points()) == 3


async def test_changes_of_a_branch_that_was_left_are_taken_back_too(world: World, file: Path) -> None:
    engine, _ = await three_turns(world, calls(replaced("a.txt", "three", "four", "call_z")), answer("done"))
    await do(engine, "/rewind 2 conversation")
    await play(engine, "other second")
    assert file.read_text() == "four\n"
    await do(engine, "/rewind 2 files")
    assert file.read_text() == "three\n"
    await do(engine, "/rewind 1 files")
    assert file.read_text() == "one\n"


async def test_a_rewound_session_resumes_on_its_branch_with_all_costs(world: World, file: Path) -> None:
    engine, _ = await three_turns(world, answer("ok"))
    await do(engine, "/rewind 2 both")
    await play(engine, "anew")
    spent = engine.status().session
    await engine.close()
    provider = ScriptedProvider([answer("ok")])
    second = world.engine(provider, ACCEPT)
    second.resume_latest()
    assert second.status().session == spent
    assert [point.prompt for point in second.rewind_points()] == ["first", "anew"]
    await play(second, "on")
    assert [text.split("\n")[-1] for text in said(provider)] == ["first", "anew", "on"]


async def test_the_log_keeps_every_event_and_no_sequence_number_is_missing(world: World, file: Path) -> None:
    engine, _ = await three_turns(world, answer("ok"))
    before = engine.transcript()
    await do(engine, "/rewind 1 both")
    await play(engine, "anew")
    after = engine.transcript()
    assert after[: len(before)] == before
    assert [envelope.seq for envelope in after] == list(range(1, len(after) + 1))
    flags = on_branch(after)
    prompts = [
        e.event.prompt for e, is_on in zip(after, flags, strict=True) if is_on and isinstance(e.event, TurnStarted)
    ]
    assert prompts == ["anew"]


async def test_the_forecast_after_going_back_is_that_of_the_shorter_conversation(world: World, file: Path) -> None:
    engine, provider = await three_turns(world, answer("ok"))
    await do(engine, "/rewind 1 conversation")
    fresh = World(world.home, first_id=500).engine(ScriptedProvider([]))
    fresh.forecast()
    assert engine.status().context_tokens == fresh.status().context_tokens
    await play(engine, "anew")
    assert provider.requests[-1].messages[-1] == UserMessage(text=said(provider)[0])


async def test_a_call_after_going_back_may_have_the_id_of_one_that_was_left(world: World, file: Path) -> None:
    engine, provider = await three_turns(world, calls(call("read", {"file_path": "a.txt"}, "call_a")), answer("ok"))
    await do(engine, "/rewind 1 both")
    await play(engine, "anew")
    ids = [message.call_id for message in provider.requests[-1].messages if isinstance(message, ToolMessage)]
    assert len(ids) == 1
    assert not errors([envelope.event for envelope in engine.transcript()])


async def test_plan_mode_is_told_again_when_its_note_was_left_behind(world: World, file: Path) -> None:
    provider = ScriptedProvider([answer("a"), answer("b"), answer("c"), answer("d")])
    engine = world.engine(provider, Config(permission_mode=PermissionMode.PLAN))
    await play(engine, "first")
    await play(engine, "second")
    assert ["Plan mode is on" in text for text in said(provider)] == [True, False]
    await do(engine, "/rewind 1 conversation")
    await play(engine, "anew")
    assert ["Plan mode is on" in text for text in said(provider)] == [True]


async def test_where_nobody_can_be_asked_it_says_which_words_are_missing(world: World, file: Path) -> None:
    engine = world.engine(turns(replaced("a.txt", "one", "two")), ACCEPT, can_ask=False)
    await play(engine, "go")
    notices = [event.text for event in await do(engine, "/rewind 1") if isinstance(event, Notice)]
    assert notices[-1] == "Say which: /rewind 1 files, conversation or both."
    assert file.read_text() == "two\n"
