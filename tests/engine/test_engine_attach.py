from __future__ import annotations

import re
from pathlib import Path

import pytest
from scripted import ScriptedProvider, World, answer, do, play

from dsterm.context.choice import FolderSum
from dsterm.context.pack_quote import PackQuote
from dsterm.core.attachments import Level, PackChoice
from dsterm.core.events import Notice
from dsterm.core.messages import Pack
from dsterm.core.questions import Answer, QuestionAsked
from dsterm.core.repo_events import RepoAttached
from dsterm.engine.attaching.fitting import does_not_fit, largest_folders
from dsterm.engine.engine import Engine
from dsterm.store.packs import PackFolder

SECRET = "TOKEN=plain-words-here"


async def attached(engine: Engine, reply: str) -> tuple[list[str], str]:
    """The questions of /attach, each answered with `reply`, and the text that the model gets with the next prompt."""
    questions = []
    async for envelope in engine.command("/attach ."):
        if isinstance(envelope.event, QuestionAsked):
            questions.append(envelope.event.text)
            engine.answer(envelope.event.id, Answer(answer=reply))
    assert any(isinstance(envelope.event, RepoAttached) for envelope in engine.transcript())
    await play(engine, "go")
    return questions, repr(engine.transcript())


@pytest.mark.parametrize(("reply", "is_sent"), [("once", True), ("deny", False)])
async def test_files_that_look_secret_are_attached_only_after_a_yes(tmp_path: Path, reply: str, is_sent: bool) -> None:
    provider = ScriptedProvider([answer("Seen.")])
    engine = World(tmp_path).engine(provider, pack_secret=SECRET)
    questions, _ = await attached(engine, reply)
    assert questions == ["Attach 1 file that may hold secrets as well? .env"]
    assert (SECRET in repr(provider.requests[0].messages)) is is_sent


async def test_where_nobody_can_be_asked_they_are_left_out(tmp_path: Path) -> None:
    provider = ScriptedProvider([answer("Seen.")])
    questions, _ = await attached(World(tmp_path).engine(provider, pack_secret=SECRET, can_ask=False), "once")
    assert questions == []
    assert SECRET not in repr(provider.requests[0].messages)


async def test_who_chose_file_by_file_is_not_asked_about_the_rest(tmp_path: Path) -> None:
    provider = ScriptedProvider([answer("Seen.")])
    engine = World(tmp_path).engine(provider, pack_secret=SECRET)
    events = [envelope.event async for envelope in engine.attach("x", PackChoice())]
    assert not any(isinstance(event, QuestionAsked) for event in events)
    await play(engine, "go")
    assert SECRET not in repr(provider.requests[0].messages)


async def told(engine: Engine, line: str) -> str:
    """What a command says."""
    events = await do(engine, line)
    return " ".join(event.text for event in events if isinstance(event, Notice))


async def test_attaching_says_what_it_costs_on_both_models(tmp_path: Path) -> None:
    engine = World(tmp_path).engine(ScriptedProvider([]), pack_text="words and words\n" * 500)
    said = await told(engine, "/attach .")
    assert re.search(
        r"Attached \. at cccccccccc: 1 file, \d\.\dk tokens, <1 % of the window\. The first send and each later one, while the"
        r" provider's cache holds it, cost: Pro ~\$0\.00\d\d and ~\$0\.0\d+, Flash ~\$0\.00\d\d and [~<]\$0\.0\d+\.",
        said,
    ), said
    assert "is attached already" in await told(engine, "/attach .")


async def test_several_are_attached_at_once_and_globs_hold_for_all(tmp_path: Path) -> None:
    engine = World(tmp_path).engine(ScriptedProvider([]), pack_secret=SECRET, can_ask=False)
    said = await told(engine, "/attach one --include .env --include a.py")
    assert "2 files" in said
    assert "Left out" not in said
    assert [pack.choice for pack in packs(engine)] == [PackChoice(include=(".env", "a.py"))]
    assert "No file fits" not in said
    assert "No file fits tsets/." in await told(engine, "/attach other --exclude tsets/")
    said = await told(engine, "/attach two three --exclude a.py")
    assert "no text files that are chosen" in said


async def test_levels_make_outlines_and_a_file_without_one_is_listed(tmp_path: Path) -> None:
    engine = World(tmp_path).engine(
        ScriptedProvider([]), pack_text="def f(a: int) -> int:\n    return a\n", can_ask=False
    )
    choice = PackChoice(levels={"a.py": Level.OUTLINE})
    survey = await engine.attachments.count("x", choice, lambda _state: None)
    assert dict(await engine.attachments.outlined(survey, ["a.py"])) == {"a.py": 6}
    assert dict(await engine.attachments.outlined(survey, ["a.py"])) == {"a.py": 6}
    events = [envelope.event async for envelope in engine.attach("x", choice)]
    assert "1 file (1 as outlines)" in next(event.text for event in events if isinstance(event, Notice))
    (pack,) = packs(engine)
    kept = PackFolder(tmp_path / "home" / "packs")
    assert pack.choice == choice
    assert "def f(a: int) -> int\n" in kept.load(pack.digest)
    assert kept.load_manifest(pack.digest).files[0].level is Level.OUTLINE


async def test_where_no_outline_can_be_made_the_file_is_named_and_that_is_said(tmp_path: Path) -> None:
    engine = World(tmp_path).engine(ScriptedProvider([]), pack_text="1\n")
    events = [envelope.event async for envelope in engine.attach("x", PackChoice(levels={"": Level.OUTLINE}))]
    said = next(event.text for event in events if isinstance(event, Notice))
    assert "0 files (1 more by name)" in said
    assert "No outline could be made of 1 file; listed by name." in said


async def test_what_does_not_fit_is_refused_with_figures_before_it_is_read(tmp_path: Path) -> None:
    engine = World(tmp_path).engine(ScriptedProvider([]), pack_text="word " * 1_000_000)
    said = await told(engine, "/attach .")
    assert re.search(
        r"has 1,250,000 tokens in 1 file and does not fit: it is [\d,]+ tokens too many for the 1,048,576 of Pro", said
    ), said
    assert packs(engine) == []
    quotes = engine.attachments.quotes(1_250_000)
    assert [(quote.title, quote.fits) for quote in quotes] == [("Pro", False), ("Flash", False)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("/attach", "takes a folder"),
        ("/attach . --inlcude x", "no flag --inlcude"),
        ("/attach . --include", "--include takes a value"),
        ("/attach . --preset best", "all, source, tests, docs, changed"),
        ("/attach . --preset docs --since main", "no other preset"),
    ],
)
async def test_wrong_words_are_one_sentence(tmp_path: Path, line: str, said: str) -> None:
    assert said in await told(World(tmp_path).engine(ScriptedProvider([])), line)


def test_the_largest_folders_are_named_and_the_smallest_that_would_do_is_offered() -> None:
    def total(tokens: int) -> FolderSum:
        return FolderSum(full=1, tokens=tokens)

    sums = {
        "": total(1000),
        "src/": total(900),
        "src/a/": total(500),
        "src/b/": total(300),
        "src/c/": total(100),
        "docs/": total(100),
    }
    assert largest_folders(sums) == [("src/a/", 500), ("src/b/", 300), ("src/c/", 100)]
    quote = PackQuote(title="Pro", tokens=1000, window=900, share=1.2, miss_dollars=None, hit_dollars=None, missing=250)
    assert "leave some out, as with --exclude /src/b/, or" in does_not_fit("x", quote, sums, files=9)


def packs(engine: Engine) -> list[Pack]:
    return [envelope.event.pack for envelope in engine.transcript() if isinstance(envelope.event, RepoAttached)]


async def test_a_pack_of_more_than_half_the_window_is_not_counted_twice_when_it_is_told_of(tmp_path: Path) -> None:
    """It fits, and so it must not be said that it fits no more."""
    engine = World(tmp_path).engine(ScriptedProvider([]), pack_text="words and words\n" * 150_000)
    said = await told(engine, "/attach .")
    assert "Attached ." in said
    assert "does not fit" not in said
