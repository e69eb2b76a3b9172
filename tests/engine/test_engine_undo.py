from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest
from changing_turns import ACCEPT, ask, errors, patch, replaced, state, texts, turns
from scripted import ScriptedProvider, World, answer, calls, do, kinds, only, play

from dsterm.core.events import Envelope, Event, ToolEnded, TurnEnd, TurnEnded
from dsterm.core.messages import UserMessage
from dsterm.core.questions import Answer, QuestionAsked
from dsterm.core.tools import Outcome
from dsterm.core.undo_events import ChangesSaved, CheckpointSaved, Direction, Rewound, Undone


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_files_are_saved_before_they_change_and_recorded_after(world: World) -> None:
    (world.folder / "a.txt").write_text("one\n")
    engine = world.engine(turns(replaced("a.txt", "one", "two")), ACCEPT)
    seen: list[str] = []
    async for envelope in engine.run("go"):
        if isinstance(envelope.event, CheckpointSaved):
            seen.append((world.folder / "a.txt").read_text())
            log = next((world.home / "sessions").glob("*.jsonl")).read_text()
            assert "CheckpointSaved" in log
    names = kinds(engine.transcript())
    first = names.index("ToolRequested")
    assert names[first : first + 4] == ["ToolRequested", "CheckpointSaved", "ChangesSaved", "ToolEnded"]
    assert (world.folder / "a.txt").read_text() == "two\n"


async def test_undo_and_redo_go_turn_by_turn(world: World) -> None:
    file = world.folder / "a.txt"
    file.write_text("one\n")
    engine = world.engine(turns(replaced("a.txt", "one", "two"), replaced("a.txt", "two", "three")), ACCEPT)
    await play(engine, "first")
    await play(engine, "second")
    await do(engine, "/undo")
    assert file.read_text() == "two\n"
    await do(engine, "/undo")
    assert file.read_text() == "one\n"
    assert "undone already" in errors(await do(engine, "/undo"))[0]
    await do(engine, "/redo")
    assert file.read_text() == "two\n"
    await do(engine, "/redo")
    assert file.read_text() == "three\n"
    assert "Nothing was undone" in errors(await do(engine, "/redo"))[0]


async def test_several_turns_are_undone_at_once_and_redone_one_by_one(world: World) -> None:
    file = world.folder / "a.txt"
    file.write_text("one\n")
    engine = world.engine(turns(replaced("a.txt", "one", "two"), replaced("a.txt", "two", "three")), ACCEPT)
    await play(engine, "first")
    await play(engine, "second")
    events = await do(engine, "/undo 2")
    assert [event.direction for event in only(events, Undone)] == [Direction.UNDO, Direction.UNDO]
    assert file.read_text() == "one\n"
    await do(engine, "/redo")
    assert file.read_text() == "two\n"
    assert "Only 1 of the turns" in errors(await do(engine, "/undo 5"))[0]


async def test_created_deleted_moved_files_folders_and_modes_come_back(world: World) -> None:
    script = world.folder / "run.sh"
    script.write_text("#!/bin/sh\necho one\n")
    script.chmod(0o751)
    (world.folder / "old.txt").write_bytes(b"x\r\ny\r\nz")
    (world.folder / "old.txt").chmod(0o600)
    before = state(world.folder)
    engine = world.engine(
        turns(
            patch(
                "*** Add File: new/deep/file.txt", "+hello",
                "*** Delete File: run.sh",
                "*** Update File: old.txt", "*** Move to: moved/here.txt",
            )
        ),
        ACCEPT,
    )  # fmt: skip
    ended = only(await play(engine, "go"), ToolEnded)[0]
    assert isinstance(ended, ToolEnded)
    assert ended.result.outcome is Outcome.DONE, ended.result.content
    after = state(world.folder)
    assert "new/deep" in after and "run.sh" not in after
    await do(engine, "/undo")
    assert state(world.folder) == before
    await do(engine, "/redo")
    assert state(world.folder) == after
    await do(engine, "/undo")
    assert state(world.folder) == before


async def test_a_folder_of_the_user_survives_an_undo(world: World) -> None:
    (world.folder / "mine").mkdir()
    engine = world.engine(turns(patch("*** Add File: mine/a.txt", "+a", "*** Add File: made/b.txt", "+b")), ACCEPT)
    await play(engine, "go")
    (world.folder / "made" / "notes").write_text("the user's")
    await do(engine, "/undo")
    assert set(state(world.folder)) == {"mine", "made", "made/notes"}


async def test_edits_made_since_are_kept_where_they_do_not_collide(world: World) -> None:
    file = world.folder / "a.txt"
    file.write_text("one\n2\n3\n4\nfive\n")
    engine = world.engine(turns(replaced("a.txt", "one", "ONE")), ACCEPT)
    await play(engine, "go")
    file.write_text("ONE\n2\n3\n4\nmine\n")
    events = await do(engine, "/undo")
    assert file.read_text() == "one\n2\n3\n4\nmine\n"
    assert "edits since are kept" in texts(events)
    await do(engine, "/redo")
    assert file.read_text() == "ONE\n2\n3\n4\nmine\n"


async def test_edits_made_between_two_turns_survive_undoing_both(world: World) -> None:
    file = world.folder / "a.txt"
    file.write_text("one\n2\n3\n4\nfive\n")
    engine = world.engine(turns(replaced("a.txt", "one", "ONE"), replaced("a.txt", "five", "FIVE")), ACCEPT)
    await play(engine, "first")
    file.write_text("ONE\n2\nmine\n4\nfive\n")
    await play(engine, "second")
    await do(engine, "/undo 2")
    assert file.read_text() == "one\n2\nmine\n4\nfive\n"


@pytest.mark.parametrize("edited", ["mine\n", None, "binary\0\n"])
async def test_edits_that_collide_are_overwritten_only_after_a_yes(world: World, edited: str | None) -> None:
    file = world.folder / "a.txt"
    file.write_text("one\n")
    engine = world.engine(turns(replaced("a.txt", "one", "two")), ACCEPT)
    await play(engine, "go")
    file.unlink() if edited is None else file.write_text(edited)
    theirs = state(world.folder)
    events = await ask(engine, "/undo", "deny")
    assert state(world.folder) == theirs
    assert not only(events, Undone)
    await ask(engine, "/undo", "overwrite")
    assert file.read_text() == "one\n"
    await do(engine, "/redo")
    assert state(world.folder) == theirs


async def test_a_file_that_was_created_and_edited_since_is_not_deleted_unasked(world: World) -> None:
    engine = world.engine(turns(patch("*** Add File: new.txt", "+a")), ACCEPT)
    await play(engine, "go")
    (world.folder / "new.txt").write_text("mine\n")
    await ask(engine, "/undo", "deny")
    assert (world.folder / "new.txt").read_text() == "mine\n"


async def test_where_nobody_can_be_asked_a_collision_is_refused(world: World) -> None:
    file = world.folder / "a.txt"
    file.write_text("one\n")
    engine = world.engine(turns(replaced("a.txt", "one", "two")), ACCEPT, can_ask=False)
    await play(engine, "go")
    file.write_text("mine\n")
    assert "Edits would be lost: a.txt" in errors(await do(engine, "/undo"))[0]
    assert file.read_text() == "mine\n"


async def test_a_new_change_ends_what_can_be_redone(world: World) -> None:
    (world.folder / "a.txt").write_text("one\n")
    engine = world.engine(turns(replaced("a.txt", "one", "two"), replaced("a.txt", "one", "three")), ACCEPT)
    await play(engine, "first")
    await do(engine, "/undo")
    await play(engine, "second")
    assert "Nothing was undone" in errors(await do(engine, "/redo"))[0]


async def test_undo_works_after_a_resume_and_without_saving(world: World) -> None:
    (world.folder / "a.txt").write_text("one\n")
    first = world.engine(turns(replaced("a.txt", "one", "two")), ACCEPT)
    await play(first, "go")
    await first.close()
    second = world.engine(ScriptedProvider([]), ACCEPT)
    second.resume_latest()
    await do(second, "/undo")
    assert (world.folder / "a.txt").read_text() == "one\n"
    await second.close()
    unsaved = world.engine(turns(replaced("a.txt", "one", "two")), ACCEPT, is_saved=False)
    await play(unsaved, "go")
    await do(unsaved, "/undo")
    assert (world.folder / "a.txt").read_text() == "one\n"


async def test_the_model_is_told_what_was_undone_and_nothing_else_changes_in_the_request(world: World) -> None:
    (world.folder / "a.txt").write_text("one\n")
    provider = ScriptedProvider([calls(replaced("a.txt", "one", "two")), answer("done"), answer("ok"), answer("ok")])
    engine = world.engine(provider, ACCEPT)
    await play(engine, "go")
    await do(engine, "/undo")
    await play(engine, "next")
    await play(engine, "more")
    said = [m.text for m in provider.requests[3].messages if isinstance(m, UserMessage)]
    assert "took back changes to a.txt" in said[1]
    assert said[2] == "more"
    assert provider.requests[2].messages[: len(provider.requests[1].messages)] == provider.requests[1].messages


async def test_a_file_that_cannot_be_saved_is_not_changed(world: World) -> None:
    (world.folder / "a.txt").write_text("one\n")
    world.home.mkdir()
    (world.home / "checkpoints").write_text("a file where a folder should be")
    engine = world.engine(turns(replaced("a.txt", "one", "two")), ACCEPT)
    ended = only(await play(engine, "go"), ToolEnded)[0]
    assert isinstance(ended, ToolEnded)
    assert ended.result.outcome is Outcome.FAILED
    assert "before it changes" in ended.result.content
    assert (world.folder / "a.txt").read_text() == "one\n"


async def test_a_write_that_began_is_finished_and_told_truly_when_the_user_stops_the_turn(world: World) -> None:
    (world.folder / "a.txt").write_text("one\n")
    engine = world.engine(turns(replaced("a.txt", "one", "two")), ACCEPT)
    events: list[Event] = []
    async for envelope in engine.run("go"):
        events.append(envelope.event)
        if isinstance(envelope.event, CheckpointSaved):
            engine.interrupt()
            engine.interrupt()
    ended = only(events, ToolEnded)[0]
    assert isinstance(ended, ToolEnded)
    assert ended.result.outcome is Outcome.DONE
    assert (world.folder / "a.txt").read_text() == "two\n"
    last = events[-1]
    assert isinstance(last, TurnEnded)
    assert last.reason is TurnEnd.INTERRUPTED
    await do(engine, "/undo")
    assert (world.folder / "a.txt").read_text() == "one\n"


async def test_undo_waits_for_a_running_turn(world: World) -> None:
    engine = world.engine(ScriptedProvider([[0.5, *answer("slow")]]))
    stream = engine.run("go")
    await anext(stream)  # type: ignore[arg-type]
    async for _ in engine.command("/undo"):
        pass
    engine.interrupt()
    rest: list[Envelope] = [envelope async for envelope in stream]
    assert any("has to wait" in text for text in errors([envelope.event for envelope in rest]))


async def test_stopping_at_the_question_changes_nothing(world: World) -> None:
    file = world.folder / "a.txt"
    file.write_text("one\n")
    engine = world.engine(turns(replaced("a.txt", "one", "two")), ACCEPT)
    await play(engine, "go")
    file.write_text("mine\n")
    events: list[Event] = []
    async for envelope in engine.command("/undo"):
        events.append(envelope.event)
        if isinstance(envelope.event, QuestionAsked):
            asyncio.get_running_loop().call_soon(engine.interrupt)
    assert kinds(events) == ["QuestionAsked", "QuestionAnswered", "Notice"]
    assert file.read_text() == "mine\n"


async def test_the_saved_bytes_are_private_to_the_user(world: World) -> None:
    (world.folder / "private.txt").write_text("one\n")
    engine = world.engine(turns(replaced("private.txt", "one", "two")), ACCEPT)
    await play(engine, "go")
    kept = [path for path in (world.home / "checkpoints").rglob("*") if path.is_file() and "objects" in path.parts]
    assert kept
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in kept)


async def test_a_failed_change_leaves_nothing_to_undo(world: World) -> None:
    (world.folder / "a.txt").write_text("one\n")
    engine = world.engine(turns(replaced("a.txt", "missing", "two")), ACCEPT)
    await play(engine, "go")
    assert not [e for e in engine.transcript() if isinstance(e.event, ChangesSaved)]
    assert "No turn of this session changed a file" in errors(await do(engine, "/undo"))[0]


@pytest.mark.parametrize(
    "line", ["/undo x", "/undo 0", "/undo -1", "/redo 1 2", "/rewind 9", "/rewind x", "/rewind 1 all"]
)
async def test_what_cannot_be_meant_is_refused(world: World, line: str) -> None:
    (world.folder / "a.txt").write_text("one\n")
    engine = world.engine(turns(replaced("a.txt", "one", "two")), ACCEPT)
    await play(engine, "go")
    assert len(errors(await do(engine, line))) == 1
    assert (world.folder / "a.txt").read_text() == "two\n"


async def test_rewound_is_nothing_that_undo_sends(world: World) -> None:
    (world.folder / "a.txt").write_text("one\n")
    engine = world.engine(turns(replaced("a.txt", "one", "two")), ACCEPT)
    await play(engine, "go")
    assert not only(await do(engine, "/undo"), Rewound)


async def test_an_undo_that_was_killed_is_told_of_and_finished_by_the_next_one(world: World) -> None:
    file = world.folder / "a.txt"
    file.write_text("one\n")
    first = world.engine(turns(replaced("a.txt", "one", "two")), ACCEPT)
    await play(first, "go")
    await do(first, "/undo")
    await first.close()
    log = next((world.home / "sessions").glob("*.jsonl"))
    lines = log.read_bytes().splitlines(keepends=True)
    last = max(place for place, line in enumerate(lines) if b"CheckpointSaved" in line)
    log.write_bytes(b"".join(lines[: last + 1]))
    second = world.engine(ScriptedProvider([]), ACCEPT)
    second.resume_latest()
    assert "stopped in the middle of /undo" in texts([envelope.event for envelope in second.transcript()])
    await do(second, "/undo")
    assert file.read_text() == "one\n"
    await do(second, "/redo")
    assert file.read_text() == "two\n"


async def test_what_is_not_kept_any_more_is_one_clear_error(world: World) -> None:
    file = world.folder / "a.txt"
    file.write_text("one\n")
    engine = world.engine(turns(replaced("a.txt", "one", "two")), ACCEPT)
    await play(engine, "go")
    for path in (world.home / "checkpoints" / "git" / "objects").rglob("*"):
        if path.is_file():
            path.unlink()
    assert "not kept any more" in errors(await do(engine, "/undo"))[0]
    assert file.read_text() == "two\n"


async def test_a_second_command_waits_for_the_question_of_the_first(world: World) -> None:
    file = world.folder / "a.txt"
    file.write_text("one\n")
    engine = world.engine(turns(replaced("a.txt", "one", "two")), ACCEPT)
    await play(engine, "go")
    file.write_text("mine\n")
    events: list[Event] = []
    async for envelope in engine.command("/undo"):
        events.append(envelope.event)
        if isinstance(envelope.event, QuestionAsked):
            async for _ in engine.command("/undo"):
                pass
            engine.answer(envelope.event.id, Answer(answer="deny"))
    assert any("has to wait for the running command" in text for text in errors(events))
    assert file.read_text() == "mine\n"


async def test_a_change_that_an_earlier_run_was_killed_in_is_told_of_at_the_start(world: World) -> None:
    engine = world.engine(ScriptedProvider([]), interrupted=("stopped in the middle",))
    assert texts([envelope.event for envelope in engine.transcript()]) == "stopped in the middle"
