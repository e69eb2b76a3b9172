from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import pytest
from changing_turns import replaced
from changing_turns import texts as texts_of
from drift_world import YOLO, DriftWorld, attach, check_prefix, diffs_in, source, told
from scripted import answer, call, calls, do, only, play

from dsterm.core.attachments import Level
from dsterm.core.config import Config
from dsterm.core.context_events import Compacted
from dsterm.core.events import StepStarted, ToolEnded, TurnStarted
from dsterm.core.questions import Answer
from dsterm.core.review import FileReview
from dsterm.core.tools import Outcome
from dsterm.engine.engine import Engine

OUTLINED = "".join(f"def number_{number}():\n    return 1\n" for number in range(9)).replace("number_1", "number_one")

sys.path.append(str(Path(__file__).parents[1] / "context"))


def last_user_text(engine: Engine) -> str:
    return engine._live.session.messages[-1].text  # type: ignore[union-attr]


async def test_an_edit_outside_is_told_beside_the_next_prompt(tmp_path: Path) -> None:
    world = DriftWorld(tmp_path)
    engine = world.open(answer("one"), answer("two"), answer("three"))
    await attach(engine)
    await play(engine, "hi")
    world.write("a.py", source("a = 2"))
    await play(engine, "what is a?")
    await play(engine, "and now?")
    (change,) = told(engine)
    context = "".join(f" # Line {number} says something.\n" for number in range(3))
    head = "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1,4 +1,4 @@\n"
    assert diffs_in(change.text) == f"{head}-a = 1\n+a = 2\n{context}"
    texts = [message.text for message in world.provider.requests[1].messages if hasattr(message, "text")]
    assert texts[-1].endswith("what is a?")
    assert texts[-2] == change.text
    assert (change.files[0].added, change.files[0].removed, change.is_partial) == (1, 1, False)
    check_prefix(engine, world.provider.requests)


async def test_an_edit_of_the_models_own_is_no_news_but_what_a_command_adds_is(tmp_path: Path) -> None:
    world = DriftWorld(tmp_path)
    edit = replaced("a.py", "a = 1", "a = 2")
    command = call("bash", {"command": "echo 'b = 1' >> a.py", "description": "Append"}, "call_b")
    engine = world.open(calls(edit), answer("one"), calls(command), answer("two"), config=YOLO)
    await attach(engine)
    await play(engine, "edit")
    assert told(engine) == []
    await play(engine, "run")
    (change,) = told(engine)
    assert diffs_in(change.text).endswith(
        "@@ -8,3 +8,4 @@\n # Line 6 says something.\n # Line 7 says something.\n # Line 8 says something.\n+b = 1\n"
    )
    assert "you ran a command" in change.text
    check_prefix(engine, world.provider.requests)


async def test_an_attached_file_may_be_edited_unread_and_one_that_changed_after_it_was_told_may_not(
    tmp_path: Path,
) -> None:
    world = DriftWorld(tmp_path)
    engine = world.open(calls(replaced("a.py", "a = 2", "a = 3")), answer("done"))
    await attach(engine)
    world.write("a.py", source("a = 2"))
    events = await play(engine, "edit it")
    (ended,) = only(events, ToolEnded)
    assert ended.result.outcome is Outcome.DONE  # type: ignore[attr-defined]
    record = engine._parts.toolbox._record
    assert not record.is_current(world.folder / "lib/b.py", b"changed since")
    assert record.knows(world.folder / "lib/b.py")
    assert record.is_current(world.folder / "lib/b.py", (world.folder / "lib/b.py").read_bytes())


async def test_undo_is_told_and_so_is_redo(tmp_path: Path) -> None:
    world = DriftWorld(tmp_path)
    engine = world.open(calls(replaced("a.py", "a = 1", "a = 2")), answer("done"), answer("two"), answer("three"))
    await attach(engine)
    await play(engine, "edit")
    await do(engine, "/undo")
    await play(engine, "so?")
    await do(engine, "/redo")
    await play(engine, "and?")
    first, second = told(engine)
    assert "-a = 2\n+a = 1\n" in first.text
    assert "-a = 1\n+a = 2\n" in second.text
    assert "the user took back" in told(engine)[0].text


async def test_new_deleted_renamed_and_binary_files_are_told(tmp_path: Path) -> None:
    world = DriftWorld(tmp_path)
    world.write("c.py", "c\n" * 20)
    world.write("d.py", "d\n")
    world.commit()
    engine = world.open(answer("one"))
    await attach(engine)
    world.write("new.py", "n = 1\n")
    world.write(".env", "TOKEN=secret-words\n")
    (world.folder / "d.py").unlink()
    (world.folder / "c.py").rename(world.folder / "e.py")
    world.write("e.py", "c\n" * 20 + "e\n")
    world.write("a.py", b"\0\1")
    world.write("picture.bin", b"\0\1")
    await play(engine, "look")
    (change,) = told(engine)
    assert [(file.path, file.old_path) for file in change.files] == [
        ("a.py", ""),
        ("d.py", ""),
        ("e.py", "c.py"),
        ("new.py", ""),
    ]
    assert "now binary" in change.text
    assert "deleted file" in change.text
    assert "rename from c.py\nrename to e.py\n" in change.text
    assert "secret-words" not in repr(world.provider.requests)
    assert ".env" not in change.text


async def test_what_looks_like_a_key_is_masked(tmp_path: Path) -> None:
    world = DriftWorld(tmp_path)
    engine = world.open(answer("one"))
    await attach(engine)
    world.write("a.py", "key = 'sk_0123456789abcdef0123456789abcdef'\n")
    await play(engine, "look")
    assert "0123456789abcdef0123" not in repr(world.provider.requests)
    assert len(told(engine)) == 1


async def test_a_resumed_session_hears_what_changed_meanwhile(tmp_path: Path) -> None:
    world = DriftWorld(tmp_path)
    engine = world.open(answer("one"), answer("two"))
    await attach(engine)
    await play(engine, "hi")
    world.write("a.py", source("a = 2"))
    await play(engine, "so?")
    session_id, requests = engine.status().session_id, world.provider.requests
    await engine.close()
    world.write("a.py", source("a = 3"))
    engine = world.open(answer("three"), answer("four"))
    engine.resume(session_id)
    await play(engine, "back")
    await play(engine, "again")
    assert "-a = 2\n+a = 3\n" in told(engine)[-1].text
    assert len(told(engine)) == 2
    check_prefix(engine, [*requests, *world.provider.requests])


async def test_a_rewind_takes_back_what_was_told_after_it(tmp_path: Path) -> None:
    world = DriftWorld(tmp_path)
    engine = world.open(answer("one"), answer("two"), answer("three"))
    await attach(engine)
    await play(engine, "hi")
    world.write("a.py", source("a = 2"))
    await play(engine, "so?")
    await do(engine, "/rewind 1 conversation")
    await play(engine, "anew")
    assert ["-a = 1\n+a = 2\n" in change.text for change in told(engine)] == [True, True]
    assert sum("-a = 1\n+a = 2" in getattr(one, "text", "") for one in world.provider.requests[-1].messages) == 1


async def test_a_branch_switch_names_what_does_not_fit_and_the_way_back_is_told(tmp_path: Path) -> None:
    world = DriftWorld(tmp_path)
    world.git_run("checkout", "-q", "-b", "other")
    for number in range(60):
        world.write(f"big/{number}.py", "".join(f"{number} {line} of many words in a file\n" for line in range(40)))
    world.write("a.py", source("a = 2"))
    world.commit()
    world.git_run("checkout", "-q", "main")
    engine = world.open(answer("one"), answer("two"), answer("three"))
    await attach(engine)
    world.git_run("checkout", "-q", "other")
    await play(engine, "hi")
    await play(engine, "still?")
    (first,) = told(engine)
    assert first.is_partial
    assert "+a = 2" in first.text
    assert "out of date" in first.text
    assert first.tokens < 5_000
    world.git_run("checkout", "-q", "main")
    await play(engine, "back?")
    second = told(engine)[-1]
    assert not second.is_partial
    assert "+a = 1" in second.text
    assert len(told(engine)) == 2
    check_prefix(engine, world.provider.requests)


async def test_a_folder_a_second_pack_and_an_outline_are_followed(tmp_path: Path) -> None:
    world = DriftWorld(tmp_path)
    world.write("lib/c.py", OUTLINED)
    world.commit()
    engine = world.open(answer("one"), answer("two"))
    await attach(engine, "lib", levels={"c.py": Level.OUTLINE})
    await attach(engine, ".", include=("a.py", "lib/b.py"))
    world.write("lib/c.py", OUTLINED.replace("1", "2"))
    world.write("lib/b.py", "b\n")
    world.write("a.py", source("a = 2"))
    world.write("outside.py", "o\n")
    await play(engine, "hi")
    assert sorted(file.path for change in told(engine) for file in change.files) == ["a.py", "lib/b.py"]
    world.write("lib/c.py", f"{OUTLINED}def two():\n    pass\n")
    await play(engine, "so?")
    assert diffs_in(told(engine)[-1].text).endswith(" def number_8():\n+def two():\n")


async def test_detaching_takes_what_was_told_along(tmp_path: Path) -> None:
    world = DriftWorld(tmp_path)
    engine = world.open(answer("one"), answer("two"))
    await attach(engine)
    world.write("a.py", source("a = 2"))
    await play(engine, "hi")
    await do(engine, "/detach")
    world.write("a.py", source("a = 3"))
    await play(engine, "so?")
    assert "a = 2" not in repr(world.provider.requests[-1].messages)
    assert len(told(engine)) == 1


@pytest.mark.parametrize("is_saved", [True, False])
async def test_crlf_and_a_missing_last_newline_are_told_exactly(tmp_path: Path, is_saved: bool) -> None:
    world = DriftWorld(tmp_path)
    world.git_run("config", "core.autocrlf", "true")
    world.write("w.txt", "line\r\n" * 30 + "one\r\ntwo\r\n")
    world.commit()
    engine = world.open(answer("one"), answer("two"), answer("three"), is_saved=is_saved)
    await attach(engine)
    await play(engine, "hi")
    assert told(engine) == []
    world.write("w.txt", "line\r\n" * 30 + "one\r\n2\r\nthree")
    await play(engine, "so?")
    assert diffs_in(told(engine)[-1].text).endswith(" one\r\n-two\r\n+2\r\n+three\n\\ No newline at end of file\n")


async def test_the_prompt_is_not_lost_where_the_repository_is(tmp_path: Path) -> None:
    world = DriftWorld(tmp_path)
    engine = world.open(answer("one"), answer("two"))
    await attach(engine)
    (world.folder / ".git").rename(tmp_path / "away")
    events = await play(engine, "hi")
    assert only(events, TurnStarted)
    await engine.close()


async def test_a_new_snapshot_takes_the_place_of_the_old_one_and_of_what_was_told(tmp_path: Path) -> None:
    world = DriftWorld(tmp_path)
    engine = world.open(*[answer("ok")] * 4)
    old = await attach(engine)
    await play(engine, "hi")
    events = await do(engine, "/snapshot")
    assert "exactly as it is now" in texts_of(events)
    world.write("a.py", source("a = 2"))
    await play(engine, "so?")
    notes = texts_of(await do(engine, "/snapshot"))
    assert re.search(r"New snapshot of \.: 2 files, .* costs ~\$0\.\d+ once", notes)
    await play(engine, "and?")
    (pack,) = engine._live.session.packs
    sent = repr(world.provider.requests[-1].messages)
    assert pack.digest != old.digest
    assert sent.count("line 33") == 1
    assert "-a = 1" not in sent
    assert len(told(engine)) == 1
    started = [one.event for one in engine.transcript() if isinstance(one.event, StepStarted)]
    assert [one.broke for one in started] == ["", "", "detached"]


async def test_a_new_snapshot_is_offered_once_a_quarter_was_told_and_again_after_a_tenth_more(tmp_path: Path) -> None:
    world = DriftWorld(tmp_path)
    world.write("long.txt", "".join(f"line {number} of a long file\n" for number in range(2000)))
    world.commit()
    engine = world.open(*[answer("ok")] * 5)
    await attach(engine)
    offers = []
    for size in (100, 500, 10, 20, 300):
        world.write(f"new{size}.txt", "".join(f"line {number} of a new file\n" for number in range(size)))
        offers.append("/snapshot attaches it anew" in texts_of(await play(engine, "go on")))
    assert offers == [False, True, False, False, True]


async def test_a_slow_repository_holds_nothing_up_and_is_said_to_be_slow_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dsterm.engine.attaching.drift._PATIENCE", 0.05)
    world = DriftWorld(tmp_path)
    engine = world.open(answer("one"), answer("two"))
    await attach(engine)

    async def survey(*_arguments: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(engine._parts.sources, "survey", survey)
    events = [*await play(engine, "hi"), *await play(engine, "so?")]
    assert texts_of(events).count("takes too long") == 1
    assert len(world.provider.requests) == 2


async def test_what_the_user_changed_of_an_edit_before_it_was_written_is_told(tmp_path: Path) -> None:
    world = DriftWorld(tmp_path)
    engine = world.open(calls(replaced("a.py", "a = 1", "a = 2")), answer("done"), config=Config())
    await attach(engine)
    review = (FileReview(path="a.py", text=source("a = 5")),)
    await play(engine, "edit", [Answer(answer="edited", reviews=review)])
    (change,) = told(engine)
    assert "-a = 1\n+a = 5\n" in change.text


async def test_an_edit_that_a_summary_stands_for_is_told_as_it_came_out(tmp_path: Path) -> None:
    world = DriftWorld(tmp_path)
    engine = world.open(calls(replaced("a.py", "a = 1", "a = 2")), answer("done"), answer("two"))
    await attach(engine)
    await play(engine, "edit")
    engine._live.emit(Compacted(summary="The user had a file edited.", keeps=0))
    await play(engine, "so?")
    (change,) = told(engine)
    assert "-a = 1\n+a = 2\n" in change.text


async def test_where_the_former_text_is_gone_the_whole_new_one_is_told(tmp_path: Path) -> None:
    world = DriftWorld(tmp_path)
    engine = world.open(answer("one"))
    await attach(engine)
    world.write("a.py", source("a = 2"))
    await play(engine, "hi")
    session_id, kept = engine.status().session_id, told(engine)[0].files[0].kept
    await engine.close()
    (world.home / "packs" / f"{kept}.txt").unlink()
    world.write("a.py", source("a = 3"))
    engine = world.open(answer("two"))
    engine.resume(session_id)
    await play(engine, "back")
    assert diffs_in(told(engine)[-1].text).endswith(f"its whole text is now:\n```\n{source('a = 3')}```\n")
