from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from screen_fakes import FakeConversation, tool_events
from screen_pilot import Start, asked, drawn, screen_text, send, settle
from textual import events
from textual.pilot import Pilot

from dsterm.core.diff import diff_texts
from dsterm.core.questions import Answer
from dsterm.core.review import EDITED, REVIEWED, FileReview, ProposedFile
from dsterm.tui.app import DstermApp

BEFORE = "".join(f"line {number}\n" for number in range(1, 61))
AFTER = BEFORE.replace("line 2\n", "two\n").replace("line 30\n", "thirty\n").replace("line 58\n", "fifty-eight\n")
THREE_HUNKS = diff_texts("a.txt", BEFORE, AFTER)
FILE = ProposedFile(path="src/a.txt", before="one\n", text="two\n")
ONE_FILE = diff_texts("src/a.txt", "one\n", "two\n")


async def press(pilot: Pilot[int], *letters: str) -> None:
    """Letters one by one, as a hand does."""
    for letter in letters:
        await pilot.press(letter)
        await pilot.pause(0.08)


async def shown(app: DstermApp, pilot: Pilot[int]) -> str:
    await drawn(app, pilot)
    return "\n".join(screen_text(app))


def editor(folder: Path, code: str) -> str:
    """An editor that runs `code` with the files as `paths`."""
    script = folder / "editor.py"
    script.write_text(f"import sys, pathlib\npaths = [pathlib.Path(each) for each in sys.argv[1:]]\n{code}\n")
    return f"'{sys.executable}' '{script}'"


async def test_t_shows_the_change_side_by_side_and_back(start: Start) -> None:
    conversation = FakeConversation(tool_events())
    async with start(conversation, size=(100, 30)) as (app, pilot):
        await send(pilot, app, "fix it")
        await asked(app, pilot)
        await press(pilot, "t")
        rows = await shown(app, pilot)
        assert re.search(
            r"2 −     return token\.exp < datetime\.now\(\) +│ +2 \+     now = datetime\.now\(tz=UTC\)", rows
        )
        assert "t\u00a0unified" in rows
        await press(pilot, "t")
        assert " │ " not in await shown(app, pilot)
        assert conversation.answers == []


async def test_f_takes_the_full_screen_and_esc_gives_it_back(start: Start) -> None:
    conversation = FakeConversation(tool_events(THREE_HUNKS))
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "fix it")
        await asked(app, pilot)
        docked = await shown(app, pilot)
        assert " you  fix it" in docked
        assert "thirty" not in docked
        await press(pilot, "f")
        full = await shown(app, pilot)
        assert " you  fix it" not in full
        assert "thirty" in full
        await pilot.press("escape")
        assert " you  fix it" in await shown(app, pilot)
        assert conversation.answers == []
        await press(pilot, "f", "w")
        assert " you  fix it" in await shown(app, pilot)
        assert app.composer.text == "w"
        assert app.composer.has_focus


async def test_h_walks_the_hunks_and_sends_what_was_left_out(start: Start) -> None:
    conversation = FakeConversation(tool_events(THREE_HUNKS))
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "fix it")
        await asked(app, pilot)
        await press(pilot, "h")
        first = await shown(app, pilot)
        assert "hunk 1 of 3: write this one to a.txt?" in first
        assert "two" in first
        assert "thirty" not in first
        await press(pilot, "y", "n", "b")
        assert "hunk 2 of 3" in await shown(app, pilot)
        await press(pilot, "n", "y")
        await settle(app, pilot)
        assert conversation.answers == [
            ("q1", Answer(answer=REVIEWED, reviews=(FileReview(path="a.txt", left_out=(1,)),)))
        ]


async def test_the_rest_of_a_walk_goes_with_one_key_and_esc_ends_it(start: Start) -> None:
    conversation = FakeConversation(tool_events(THREE_HUNKS))
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "fix it")
        await asked(app, pilot)
        await press(pilot, "h", "y")
        await pilot.press("escape")
        assert "Change src/auth/tokens.py?" in await shown(app, pilot)
        assert conversation.answers == []
        await press(pilot, "h", "y", "d")
        await settle(app, pilot)
        assert conversation.answers[0][1].reviews == (FileReview(path="a.txt", left_out=(1, 2)),)


async def test_e_shows_what_the_editor_made_of_it_and_yes_sends_that(start: Start, tmp_path: Path) -> None:
    conversation = FakeConversation(tool_events(ONE_FILE))
    conversation.files = (FILE,)
    code = "assert paths[0].name == 'a.txt' and paths[0].read_text() == 'two\\n'; paths[0].write_text('zwei\\n')"
    async with start(conversation, editor=editor(tmp_path, code)) as (app, pilot):
        await send(pilot, app, "fix it")
        await asked(app, pilot)
        await press(pilot, "e")
        rows = await shown(app, pilot)
        assert "+ zwei" in rows
        assert "y\u00a0yes,\u00a0as\u00a0edited" in rows
        assert conversation.answers == []
        await press(pilot, "y")
        await settle(app, pilot)
        assert conversation.answers == [
            ("q1", Answer(answer=EDITED, reviews=(FileReview(path="src/a.txt", text="zwei\n"),)))
        ]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("sys.exit(3)", "ended with code 3, so nothing was taken from it."),
        ("paths[0].write_bytes(b'\\xff')", "The editor left no UTF-8 text in a.txt"),
        ("paths[0].unlink()", "The editor left no UTF-8 text in a.txt"),
        ("pass", "Nothing was changed in the editor."),
    ],
)
async def test_an_editor_that_fails_changes_nothing(start: Start, tmp_path: Path, code: str, words: str) -> None:
    conversation = FakeConversation(tool_events(ONE_FILE))
    conversation.files = (FILE,)
    async with start(conversation, size=(200, 30), editor=editor(tmp_path, code)) as (app, pilot):
        await send(pilot, app, "fix it")
        await asked(app, pilot)
        await press(pilot, "e")
        rows = await shown(app, pilot)
        assert words in rows
        assert "+ two" in rows
        assert app.dock.has_focus
        assert conversation.answers == []


@pytest.mark.parametrize("command", ["", "/no/such/editor", "'"])
async def test_an_editor_that_is_not_there_is_told(start: Start, command: str) -> None:
    conversation = FakeConversation(tool_events(ONE_FILE))
    conversation.files = (FILE,)
    async with start(conversation, size=(120, 30), editor=command) as (app, pilot):
        await send(pilot, app, "fix it")
        await asked(app, pilot)
        await press(pilot, "e")
        assert "$VISUAL or $EDITOR" in await shown(app, pilot)
        assert conversation.answers == []


async def test_a_paste_never_answers(start: Start) -> None:
    conversation = FakeConversation(tool_events())
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "fix it")
        await asked(app, pilot)
        app.dock.post_message(events.Paste("y"))
        await pilot.pause(0.1)
        assert app.composer.text == "y"
        assert app.composer.has_focus
        assert conversation.answers == []


async def test_a_burst_of_letters_is_a_paste_and_never_answers(start: Start) -> None:
    conversation = FakeConversation(tool_events())
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "fix it")
        await asked(app, pilot)
        for letter in "yes please":
            app.post_message(events.Key("space" if letter == " " else letter, letter))
        await pilot.pause(0.2)
        assert app.composer.text == "yes please"
        assert conversation.answers == []
