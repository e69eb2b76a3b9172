from __future__ import annotations

from pathlib import Path

import pytest
from changing_turns import patch
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import ScriptedProvider, World, answer, call, calls, only, play

from dsterm.core.diff import diff_texts
from dsterm.core.events import Event, ToolEnded
from dsterm.core.messages import ToolMessage
from dsterm.core.provider import Delta
from dsterm.core.questions import Answer, QuestionAsked
from dsterm.core.review import EDITED, REVIEWED, FileReview
from dsterm.core.tools import Outcome, ToolResult
from dsterm.engine.calls.review import chosen_text

LINES = [f"line {number}" for number in range(1, 21)]
TWO_HUNKS = (
    "*** Update File: a.txt",
    "@@",
    " line 1",
    "-line 2",
    "+LINE 2",
    " line 3",
    "@@",
    " line 17",
    "-line 18",
    "+LINE 18",
    "+line 18 b",
    " line 19",
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def review(world: World, delta: Delta, given_answer: Answer) -> tuple[ToolResult, ScriptedProvider, list[Event]]:
    provider = ScriptedProvider([calls(delta), answer("done")])
    engine = world.engine(provider)
    events = await play(engine, "change it", [given_answer])
    await engine.close()
    (ended,) = only(events, ToolEnded)
    assert isinstance(ended, ToolEnded)
    return ended.result, provider, events


def left_out(*indices: int, path: str = "a.txt") -> Answer:
    return Answer(answer=REVIEWED, reviews=(FileReview(path=path, left_out=indices),))


def edited(text: str, path: str = "a.txt") -> Answer:
    return Answer(answer=EDITED, reviews=(FileReview(path=path, text=text),))


def write(world: World, name: str, text: str, newline: str = "\n", encoding: str = "utf-8") -> Path:
    path = world.folder / name
    path.write_bytes(text.replace("\n", newline).encode(encoding))
    return path


async def test_a_hunk_left_out_is_not_written_and_the_model_is_told_which(world: World) -> None:
    path = write(world, "a.txt", "\n".join(LINES) + "\n")
    result, provider, _ = await review(world, patch(*TWO_HUNKS), left_out(1))
    assert path.read_bytes() == ("\n".join(LINES) + "\n").replace("line 2\n", "LINE 2\n").encode()
    assert result.outcome is Outcome.DONE
    assert [(diff.path, diff.added, diff.removed) for diff in result.diffs] == [("a.txt", 1, 1)]
    (told,) = [m.content for m in provider.requests[1].messages if isinstance(m, ToolMessage)]
    assert told == (
        "edited a.txt: +1 −1\n"
        "The user left out 1 of 2 hunks of a.txt:\n"
        "@@ line 15 @@\n"
        "-line 18\n"
        "+LINE 18\n"
        "+line 18 b\n"
        "The files differ from what you proposed. Read them again before you change them further."
    )


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
async def test_encoding_and_line_endings_stay(world: World, encoding: str) -> None:
    text = "é\n" + "\n".join(LINES)
    path = write(world, "a.txt", text, "\r\n", encoding)
    await review(world, patch(*TWO_HUNKS), left_out(0))
    wanted = text.replace("line 18", "LINE 18\nline 18 b").replace("\n", "\r\n")
    assert path.read_bytes() == wanted.encode(encoding)


async def test_all_hunks_left_out_is_a_refusal(world: World) -> None:
    path = write(world, "a.txt", "\n".join(LINES))
    result, _, _ = await review(world, patch(*TWO_HUNKS), left_out(0, 1))
    assert result.outcome is Outcome.REFUSED
    assert path.read_bytes() == "\n".join(LINES).encode()


async def test_nothing_left_out_is_a_plain_yes(world: World) -> None:
    write(world, "a.txt", "\n".join(LINES))
    result, _, _ = await review(world, patch(*TWO_HUNKS), left_out())
    assert result.content == "edited a.txt: +3 −2"


async def test_files_of_one_patch_can_be_left_out_one_by_one(world: World) -> None:
    write(world, "a.txt", "\n".join(LINES) + "\n")
    write(world, "old.txt", "x\ny\n")
    write(world, "gone.txt", "bye\n")
    delta = patch(
        *TWO_HUNKS,
        "*** Add File: new.txt",
        "+hello",
        "*** Update File: old.txt",
        "*** Move to: moved.txt",
        "@@",
        " x",
        "-y",
        "+z",
        "*** Delete File: gone.txt",
    )
    answers = Answer(
        answer=REVIEWED,
        reviews=(FileReview(path="a.txt", left_out=(0, 1)), FileReview(path="gone.txt", left_out=(0,))),
    )
    result, _, _ = await review(world, delta, answers)
    assert {path.name: path.read_text() for path in world.folder.iterdir()} == {
        "a.txt": "\n".join(LINES) + "\n",
        "gone.txt": "bye\n",
        "moved.txt": "x\nz\n",
        "new.txt": "hello\n",
    }
    assert "The user left out all of a.txt, which stays as it was:" in result.content
    assert "renamed old.txt to moved.txt: +1 −1" in result.content


async def test_an_edited_proposal_is_written_and_the_model_is_told_what_changed(world: World) -> None:
    path = write(world, "a.txt", "one\ntwo\n", "\r\n")
    result, _, _ = await review(
        world, patch("*** Update File: a.txt", "@@", "-two", "+deux"), edited("one\nzwei\nthree\n")
    )
    assert path.read_bytes() == b"one\r\nzwei\r\nthree\r\n"
    assert result.content == (
        "edited a.txt: +2 −1\n"
        "The user edited your proposal for a.txt before it was written (- yours, + theirs):\n"
        "@@ line 1 @@\n"
        "-deux\n"
        "+zwei\n"
        "+three\n"
        "The files differ from what you proposed. Read them again before you change them further."
    )


async def test_what_an_edit_breaks_is_told(world: World) -> None:
    write(world, "a.py", "x = 1\n")
    result, _, _ = await review(
        world, patch("*** Update File: a.py", "@@", "-x = 1", "+x = 2"), edited("x = (\n", "a.py")
    )
    assert "a.py: it no longer parses: line 1" in result.content


async def test_a_file_changed_meanwhile_is_left_alone(world: World) -> None:
    path = write(world, "a.txt", "\n".join(LINES))
    provider = ScriptedProvider([calls(patch(*TWO_HUNKS)), answer("done")])
    engine = world.engine(provider)
    results = []
    async for envelope in engine.run("change it"):
        if isinstance(envelope.event, QuestionAsked):
            path.write_text("mine\n")
            engine.answer(envelope.event.id, left_out(1))
        elif isinstance(envelope.event, ToolEnded):
            results.append(envelope.event.result)
    await engine.close()
    assert results[0].outcome is Outcome.FAILED
    assert "changed on disk" in results[0].content
    assert path.read_text() == "mine\n"


async def test_what_was_written_in_part_can_be_undone(world: World) -> None:
    path = write(world, "a.txt", "\n".join(LINES))
    engine = world.engine(ScriptedProvider([calls(patch(*TWO_HUNKS)), answer("done")]))
    await play(engine, "change it", [left_out(1)])
    assert "LINE 2" in path.read_text()
    async for _ in engine.command("/undo"):
        pass
    await engine.close()
    assert path.read_text() == "\n".join(LINES)


async def test_the_proposal_can_be_had_while_the_question_waits(world: World) -> None:
    write(world, "a.txt", "one\n")
    engine = world.engine(
        ScriptedProvider([calls(call("write", {"file_path": "b.txt", "content": "x\n"})), answer("ok")])
    )
    seen = []
    question = ""
    async for envelope in engine.run("change it"):
        if isinstance(envelope.event, QuestionAsked):
            question = envelope.event.id
            seen = [(file.path, file.before, file.text) for file in engine.proposed(question)]
            assert [option.key for option in envelope.event.options] == ["y", "a", "h", "e", "n"]
            engine.answer(question, Answer(answer="deny"))
    assert seen == [("b.txt", None, "x\n")]
    assert engine.proposed(question) == ()
    await engine.close()


async def test_a_change_that_lines_do_not_show_is_taken_whole(world: World) -> None:
    (world.folder / "a.txt").write_bytes(b"one\xff\xc3\xa9\xc3\xa9\xc3\xa9\ntwo\n")
    _, _, events = await review(world, patch("*** Update File: a.txt", "@@", "-two", "+deux"), Answer(answer="once"))
    (question,) = only(events, QuestionAsked)
    assert isinstance(question, QuestionAsked)
    assert [option.key for option in question.options] == ["y", "a", "n"]


TEXTS = st.lists(st.sampled_from(["a", "b", "c", "d", ""]), max_size=24).map(
    lambda lines: "".join(f"{line}\n" for line in lines)
)


@settings(max_examples=200, deadline=None)
@given(TEXTS, TEXTS)
def test_all_hunks_give_the_new_text_and_none_the_old(before: str, after: str) -> None:
    diff = diff_texts("a", before, after, context=1)
    assert chosen_text(before, diff, ()) == after
    assert chosen_text(before, diff, range(len(diff.hunks))) == before


@settings(max_examples=200, deadline=None)
@given(TEXTS, TEXTS, st.sets(st.integers(0, 12)))
def test_the_hunks_left_out_are_what_is_left_to_do(before: str, after: str, left: set[int]) -> None:
    diff = diff_texts("a", before, after, context=1)
    chosen = chosen_text(before, diff, left)
    assert chosen is not None
    rest = diff_texts("a", chosen, after)
    assert (rest.added == 0 == rest.removed) == (not left & set(range(len(diff.hunks))))
