from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from screen_fakes import (
    ANSWER,
    REASONING,
    FakeConversation,
    StillClock,
    Wait,
    answer_turn,
    full_turn,
    options,
    tool_events,
)
from screen_pilot import Start, asked, drawn, screen_text, send, settle

from dsterm.core.delta_events import WorkProgress
from dsterm.core.errors import ProviderError
from dsterm.core.events import Envelope, Notice
from dsterm.core.questions import Answer
from dsterm.tui.app import DstermApp


async def test_a_prompt_is_sent_and_the_answer_is_shown(start: Start) -> None:
    conversation = FakeConversation(answer_turn("", "It *works* now."))
    async with start(conversation) as (app, pilot):
        await pilot.press(*"hello", "enter")
        await pilot.pause(0.1)
        await settle(app, pilot)
        assert conversation.prompts == ["hello"]
        text = screen_text(app)
        assert any(row.startswith(" you  hello") for row in text)
        assert " It works now." in text
        assert app.composer.text == ""


async def test_reasoning_streams_live_and_folds_when_the_answer_begins(start: Start) -> None:
    script = answer_turn(REASONING, "Done.")
    at = next(index for index, event in enumerate(script) if type(event).__name__ == "TextDelta")
    conversation = FakeConversation([*script[:at], Wait("answer"), *script[at:]])
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "why?")
        while not any("│" in row for row in screen_text(app)):
            await pilot.pause(0.02)
        live = screen_text(app)
        assert any(row.startswith(" ▾ thinking · Pro · Think") for row in live)
        conversation.gates["answer"].set()
        await settle(app, pilot)
        folded = screen_text(app)
        assert any(row.startswith(" ▸ thought for") for row in folded)
        assert not any("│" in row for row in folded)


async def test_all_reasoning_opens_and_folds_on_its_key(start: Start) -> None:
    conversation = FakeConversation(answer_turn(REASONING, "Done."))
    async with start(conversation, size=(80, 40)) as (app, pilot):
        await send(pilot, app, "why?")
        await settle(app, pilot)
        await pilot.press("alt+r")
        await drawn(app, pilot)
        assert any("│ The test compares" in row for row in screen_text(app))
        await pilot.press("alt+r")
        await drawn(app, pilot)
        assert not any("│ The test compares" in row for row in screen_text(app))


async def test_a_click_on_its_header_opens_reasoning(start: Start) -> None:
    conversation = FakeConversation(answer_turn(REASONING, "Done."))
    async with start(conversation, size=(80, 40)) as (app, pilot):
        await send(pilot, app, "why?")
        await settle(app, pilot)
        row = next(index for index, row in enumerate(screen_text(app)) if "thought for" in row)
        await pilot.click(app.view, offset=(5, row))
        await drawn(app, pilot)
        assert any("│ The test compares" in each for each in screen_text(app))


async def test_a_prompt_typed_while_a_turn_runs_waits_and_goes_out_after_it(start: Start) -> None:
    first = [Wait("first"), *answer_turn("", "One.")]
    conversation = FakeConversation(first, answer_turn("", "Two."))
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "first")
        await send(pilot, app, "second")
        assert conversation.prompts == ["first"]
        assert "1 queued" in screen_text(app)[-2]
        conversation.gates["first"].set()
        await settle(app, pilot)
        assert conversation.prompts == ["first", "second"]
        assert "queued" not in screen_text(app)[-2]


async def test_esc_stops_at_the_first_press_and_holds_the_queue(start: Start) -> None:
    conversation = FakeConversation([Wait("never")], answer_turn("", "Two."))
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "first")
        await send(pilot, app, "second")
        await pilot.press("escape")
        await settle(app, pilot)
        assert conversation.interrupts == 1
        assert conversation.prompts == ["first"]
        assert "1 held · Enter sends, Ctrl+U drops" in screen_text(app)[-2]
        await pilot.press("enter")
        await settle(app, pilot)
        assert conversation.prompts == ["first", "second"]


async def test_ctrl_u_drops_a_held_queue(start: Start) -> None:
    conversation = FakeConversation([Wait("never")])
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "first")
        await send(pilot, app, "second")
        await pilot.press("escape")
        await settle(app, pilot)
        await pilot.press("ctrl+u")
        assert not app.turns.queue
        assert "Dropped 1 waiting prompt." in screen_text(app)[-2]


async def test_up_takes_the_last_queued_prompt_back(start: Start) -> None:
    conversation = FakeConversation([Wait("first")])
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "first")
        await send(pilot, app, "second")
        await pilot.press("up")
        assert app.composer.text == "second"
        assert not app.turns.queue
        conversation.gates["first"].set()
        await settle(app, pilot)
        assert conversation.prompts == ["first"]


async def test_ctrl_enter_steers_the_running_turn(start: Start) -> None:
    conversation = FakeConversation([Wait("first")])
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "first")
        app.composer.set_draft("only the tests")
        await pilot.press("ctrl+enter")
        await pilot.pause()
        assert conversation.steered == ["only the tests"]
        conversation.gates["first"].set()
        await settle(app, pilot)


async def test_an_error_instead_of_a_turn_is_one_sentence_in_the_transcript(start: Start) -> None:
    conversation = FakeConversation()
    conversation.failure = ProviderError("There is no key for Novita AI. Set NOVITA_API_KEY.")
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "hello")
        await settle(app, pilot)
        assert any("There is no key for Novita AI." in row for row in screen_text(app))
        assert not app.turns.is_running


async def test_a_bug_in_a_turn_is_logged_redacted_and_the_screen_goes_on(start: Start, tmp_path: Path) -> None:
    conversation = FakeConversation()
    conversation.failure = ValueError("bad sk-secret")
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "hello")
        await settle(app, pilot)
        assert any("Something in dsterm went wrong" in row for row in screen_text(app))
        log = (tmp_path / "crash.log").read_text()
        assert "ValueError: bad [redacted]" in log
        assert "sk-secret" not in log
        conversation.failure = None
        await send(pilot, app, "again")
        await settle(app, pilot)
        assert conversation.prompts == ["hello", "again"]


async def test_commands_reach_the_engine_while_a_turn_runs(start: Start) -> None:
    conversation = FakeConversation([Wait("first")])
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "first")
        await pilot.press("alt+p")
        await pilot.pause()
        assert conversation.lines == ["/model flash"]
        await send(pilot, app, "/new")
        assert conversation.lines == ["/model flash"]
        conversation.gates["first"].set()
        await settle(app, pilot)
        assert conversation.lines == ["/model flash", "/new"]


async def test_another_session_is_drawn_from_its_beginning(start: Start) -> None:
    conversation = FakeConversation(answer_turn("", "Old answer."))
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "old")
        await settle(app, pilot)
        await send(pilot, app, "/new")
        await settle(app, pilot)
        text = "\n".join(screen_text(app))
        assert "Old answer" not in text
        assert "Now in s2." in text


async def test_a_resumed_session_is_shown_at_its_end(start: Start) -> None:
    before = FakeConversation(*[answer_turn("", f"Answer {number}.\n\n" + "more\n\n" * 5) for number in range(30)])
    for _ in range(30):
        async for _event in before.run("prompt"):
            pass
    async with start(before) as (app, pilot):
        await drawn(app, pilot)
        assert any("Answer 29." in row for row in screen_text(app))
        assert app.view.scroll_offset.y == app.view.max_scroll_y


async def test_a_full_turn_with_tools_reads_as_drawn(start: Start) -> None:
    conversation = FakeConversation(full_turn())
    async with start(conversation, size=(80, 45)) as (app, pilot):
        await send(pilot, app, "why does test_expired fail? fix it")
        await asked(app, pilot)
        await pilot.press("y")
        await settle(app, pilot)
        assert conversation.answers == [("q1", Answer(answer="once"))]
        text = [row for row in screen_text(app) if row]
        assert any(row.startswith(" ● read   src/auth/tokens.py  1-120") for row in text)
        assert any(row.startswith(" ● edit   src/auth/tokens.py") for row in text)
        assert " What I changed" in text
        assert any("import" not in row and "now = datetime.now(tz=UTC)" in row for row in text)


async def test_work_for_a_frame_does_not_grow_with_the_transcript(start: Start) -> None:
    async def strips_for_one_answer(turns: int) -> int:
        before = FakeConversation(clock=StillClock())
        for event in [
            event for _ in range(turns) for event in answer_turn("", ANSWER) if "Delta" not in type(event).__name__
        ]:
            before.envelope(event)
        before.turns = [answer_turn("", "One line of words that streams.")]
        async with start(before) as (app, pilot):
            await drawn(app, pilot)
            made, frames = app.view.strips_made, app.view.frames
            await send(pilot, app, "go")
            await settle(app, pilot)
            assert len(app.screen.query("*")) <= 40
            return (app.view.strips_made - made) // max(1, app.view.frames - frames)

    few, many = await strips_for_one_answer(3), await strips_for_one_answer(300)
    assert many <= few + 24


async def test_deltas_are_gathered_into_few_frames(start: Start) -> None:
    conversation = FakeConversation(answer_turn("", ANSWER * 20))
    async with start(conversation) as (app, pilot):
        before = app.view.frames
        await send(pilot, app, "go")
        await settle(app, pilot)
        assert app.view.frames - before < 60


async def test_nothing_ticks_while_idle(start: Start) -> None:
    conversation = FakeConversation(answer_turn("", "Done."))
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "go")
        await settle(app, pilot)
        assert app._status_timer is None
        assert app.view._timer is None


async def test_what_the_model_says_can_not_command_the_terminal(start: Start) -> None:
    evil = "\x1b]52;c;ZXZpbA==\x07 \x9b2J ok\x1b[31m"
    conversation = FakeConversation(answer_turn(evil, evil + "\n\n`" + evil + "`"))
    async with start(conversation, title=evil) as (app, pilot):
        await send(pilot, app, "go")
        await settle(app, pilot)
        app.say(evil)
        await pilot.pause()
        shown = "".join(screen_text(app))
        assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in shown)


def test_the_options_name_all_that_the_app_needs(tmp_path) -> None:
    conversation = FakeConversation(tool_events())
    assert DstermApp(conversation, options(tmp_path, conversation)).options.theme == "dusk"


@pytest.mark.parametrize("prompt", ["/home/ada/x.py has a bug", "/etc/hosts", "/tmp/a.log: what is this?"])
async def test_a_prompt_that_begins_with_a_path_is_no_command(start: Start, prompt: str) -> None:
    conversation = FakeConversation(answer_turn("", "Yes."))
    async with start(conversation) as (app, pilot):
        await send(pilot, app, prompt)
        await settle(app, pilot)
        assert (conversation.prompts, conversation.lines) == ([prompt], [])


async def test_words_about_work_go_when_the_work_is_done(start: Start) -> None:
    class Attaching(FakeConversation):
        async def command(self, line: str) -> AsyncIterator[Envelope]:
            yield self.envelope(WorkProgress("reading ."))
            await asyncio.sleep(0.05)
            yield self.envelope(Notice(text="Attached."))

    async with start(Attaching()) as (app, pilot):
        await send(pilot, app, "/cost")
        await settle(app, pilot)
        text = "\n".join(screen_text(app))
        assert "Attached." in text
        assert "reading ." not in text


async def test_steering_has_a_command_for_terminals_without_ctrl_enter(start: Start) -> None:
    conversation = FakeConversation([Wait("first")])
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "first")
        await send(pilot, app, "/steer only the tests")
        assert conversation.steered == ["only the tests"]
        conversation.gates["first"].set()
        await settle(app, pilot)
        assert conversation.lines == []
