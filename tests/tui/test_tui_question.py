from __future__ import annotations

from screen_fakes import FakeConversation, tool_events
from screen_pilot import Start, asked, drawn, screen_text, send, settle

from dsterm.core.diff import diff_texts
from dsterm.core.events import TurnEnd, TurnEnded
from dsterm.core.questions import Answer, Option, QuestionAsked


async def test_letters_do_not_answer_before_the_question_has_the_focus(start: Start) -> None:
    conversation = FakeConversation(tool_events())
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "fix it")
        while app.dock.current is None:
            await pilot.pause(0.01)
        await pilot.press("y")
        assert conversation.answers == []
        assert app.composer.text == "y"
        assert any("Tab to answer" in row for row in screen_text(app))
        await pilot.press("backspace")
        await asked(app, pilot)
        await pilot.press("y")
        await settle(app, pilot)
        assert conversation.answers == [("q1", Answer(answer="once"))]
        assert app.composer.has_focus


async def test_a_letter_answers_for_the_session(start: Start) -> None:
    conversation = FakeConversation(tool_events())
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "fix it")
        await asked(app, pilot)
        await pilot.press("a")
        await settle(app, pilot)
        assert conversation.answers == [("q1", Answer(answer="session"))]


async def test_no_asks_for_the_reason_and_sends_it(start: Start) -> None:
    conversation = FakeConversation(tool_events())
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "fix it")
        await asked(app, pilot)
        await pilot.press("n")
        await pilot.pause()
        await pilot.press(*"use zoneinfo")
        await pilot.press("enter")
        await settle(app, pilot)
        assert conversation.answers == [("q1", Answer(answer="deny", text="use zoneinfo"))]


async def test_esc_leaves_the_reason_and_then_refuses(start: Start) -> None:
    conversation = FakeConversation(tool_events())
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "fix it")
        await asked(app, pilot)
        await pilot.press("n")
        await pilot.pause()
        await pilot.press("escape")
        assert conversation.answers == []
        await pilot.press("escape")
        await settle(app, pilot)
        assert conversation.answers == [("q1", Answer(answer="deny"))]
        assert conversation.interrupts == 0


async def test_tab_gives_the_focus_back_and_forth(start: Start) -> None:
    conversation = FakeConversation(tool_events())
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "fix it")
        await asked(app, pilot)
        await pilot.press("tab")
        assert app.composer.has_focus
        await pilot.press(*"yes")
        assert conversation.answers == []
        await pilot.press("tab")
        assert app.dock.has_focus
        await pilot.press("1")
        await settle(app, pilot)
        assert conversation.answers == [("q1", Answer(answer="once"))]
        assert app.composer.text == "yes"


async def test_a_key_that_means_nothing_goes_to_the_composer(start: Start) -> None:
    conversation = FakeConversation(tool_events())
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "fix it")
        await asked(app, pilot)
        await pilot.press("w", "a", "i", "t")
        assert app.composer.text == "wait"
        assert conversation.answers == []
        await pilot.press("escape")
        await settle(app, pilot)


async def test_the_change_is_shown_and_scrolls_inside_the_dock(start: Start) -> None:
    before = "".join(f"line {number}\n" for number in range(60))
    diff = diff_texts("big.txt", before, before.replace("line", "row"))
    conversation = FakeConversation(tool_events(diff))
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "fix it")
        await asked(app, pilot)
        assert any("line 0" in row for row in screen_text(app))
        assert any(row.startswith(" you  fix it") for row in screen_text(app))
        await pilot.press("pagedown")
        await drawn(app, pilot)
        assert not any("line 0" in row for row in screen_text(app))
        await pilot.press("y")
        await settle(app, pilot)


async def test_an_interrupt_takes_the_question_away(start: Start) -> None:
    conversation = FakeConversation(tool_events())
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "fix it")
        await asked(app, pilot)
        await pilot.press("ctrl+c")
        await settle(app, pilot)
        assert conversation.interrupts == 1
        assert not app.dock.display
        assert app.composer.has_focus


async def test_the_end_of_a_turn_drops_questions_about_its_calls_and_no_others(start: Start) -> None:
    conversation = FakeConversation()
    options = (Option(key="y", answer="yes", label="yes"), Option(key="n", answer="deny", label="no"))
    async with start(conversation) as (app, pilot):
        app.show(conversation.envelope(QuestionAsked(id="q1", call_id="c1", text="Run it?", options=options)))
        app.show(conversation.envelope(QuestionAsked(id="q2", text="yolo, sure?", options=options)))
        app.show(conversation.envelope(TurnEnded(reason=TurnEnd.ANSWERED)))
        await asked(app, pilot)
        assert app.dock.current is not None
        assert app.dock.current.id == "q2"
        await pilot.press("y")
        await pilot.pause()
        assert conversation.answers == [("q2", Answer(answer="yes"))]
