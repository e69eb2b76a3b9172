from __future__ import annotations

from screen_fakes import FakeConversation, answer_turn, tool_events
from screen_pilot import Start, asked, drawn, screen_text, send, settle
from textual.pilot import Pilot

from dsterm.core.diff import diff_texts
from dsterm.core.undo_events import Direction, Rewound, Undone
from dsterm.tui.app import DstermApp
from dsterm.tui.changes_screen import ChangesScreen
from dsterm.tui.pickers import PickScreen

OTHER = diff_texts("b.txt", "x\n", "y\n")


async def two_turns(app: DstermApp, pilot: Pilot[int]) -> None:
    for prompt in ("fix it", "now b"):
        await send(pilot, app, prompt)
        await asked(app, pilot)
        await pilot.press("y")
        await settle(app, pilot)


async def picker(app: DstermApp, pilot: Pilot[int]) -> PickScreen:
    await pilot.pause()
    assert isinstance(app.screen, PickScreen)
    return app.screen


async def test_diff_shows_all_changes_by_turn_and_by_file(start: Start) -> None:
    conversation = FakeConversation(tool_events(), tool_events(OTHER))
    async with start(conversation, size=(100, 40)) as (app, pilot):
        await two_turns(app, pilot)
        conversation.envelope(Undone(turn="e1", direction=Direction.UNDO, changes=()))
        await send(pilot, app, "/diff")
        await pilot.pause(0.1)
        assert isinstance(app.screen, ChangesScreen)
        rows = screen_text(app)
        assert rows[0].startswith(" 1  fix it  1 file  taken back")
        assert rows[0].endswith("+2 −1")
        second = next(index for index, row in enumerate(rows) if row.startswith(" 2  now b  1 file"))
        assert any("+ y" in row for row in rows[second:])
        await pilot.press("b")
        await pilot.pause(0.1)
        rows = screen_text(app)
        assert rows[0].startswith(" b.txt")
        assert any(row.startswith(" src/auth/tokens.py") and row.endswith("+0 −0") for row in rows)
        await pilot.press("t")
        await pilot.pause(0.1)
        assert any("− x" in row and "+ y" in row for row in screen_text(app))
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(app.screen, ChangesScreen)


async def test_diff_without_changes_says_so(start: Start) -> None:
    async with start(FakeConversation()) as (app, pilot):
        await send(pilot, app, "/diff")
        assert any("This session has changed no file." in row for row in screen_text(app))


async def test_esc_twice_in_an_empty_composer_opens_the_prompts_to_go_back_to(start: Start) -> None:
    conversation = FakeConversation(tool_events(), tool_events(OTHER))
    async with start(conversation) as (app, pilot):
        await two_turns(app, pilot)
        await pilot.press("escape")
        await pilot.pause()
        assert any("Esc again goes back" in row for row in screen_text(app))
        await pilot.press("escape")
        await picker(app, pilot)
        rows = "\n".join(screen_text(app))
        assert "now b   +1 −1 in 1 file" in rows
        assert "fix it  +2 −1 in 1 file" in rows
        assert "Esc again" not in rows
        await pilot.press("down", "enter")
        await settle(app, pilot)
        assert conversation.lines == ["/rewind 1"]


async def test_what_the_foot_said_is_gone_with_the_next_prompt(start: Start) -> None:
    conversation = FakeConversation(answer_turn("", "done"), tool_events())
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "one")
        await settle(app, pilot)
        await pilot.press("escape")
        await pilot.pause()
        await send(pilot, app, "two")
        await asked(app, pilot)
        rows = screen_text(app)
        assert not any("Esc again" in row for row in rows)
        assert any("waits for your answer" in row for row in rows)
        await pilot.press("escape")
        await settle(app, pilot)


async def test_esc_twice_slowly_with_a_draft_or_right_after_a_stop_opens_nothing(start: Start) -> None:
    conversation = FakeConversation(answer_turn("", "done"), tool_events())
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "one")
        await settle(app, pilot)
        await pilot.press("escape")
        conversation.clock.seconds += 2
        await pilot.press("escape")
        conversation.clock.seconds += 2
        await pilot.press("x", "escape", "escape", "backspace")
        await send(pilot, app, "two")
        while app.dock.current is None:
            await pilot.pause(0.02)
        app.dock.drop_all()
        await pilot.press("escape", "escape", "escape")
        await settle(app, pilot)
        assert conversation.interrupts == 1
        await pilot.pause()
        assert not isinstance(app.screen, PickScreen)


async def test_the_leader_key_takes_back_and_goes_back(start: Start) -> None:
    conversation = FakeConversation(answer_turn("", "done"))
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "one")
        await settle(app, pilot)
        await pilot.press("ctrl+x", "z")
        await settle(app, pilot)
        await pilot.press("ctrl+x", "Z")
        await settle(app, pilot)
        assert conversation.lines == ["/undo", "/redo"]
        await pilot.press("ctrl+x", "r")
        await picker(app, pilot)


async def test_a_rewound_conversation_is_drawn_anew_and_its_prompt_comes_back(start: Start) -> None:
    conversation = FakeConversation(answer_turn("", "first answer"), answer_turn("", "second answer"))
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "one")
        await settle(app, pilot)
        at = len(conversation.log)
        await send(pilot, app, "two")
        await settle(app, pilot)
        assert "second answer" in "\n".join(screen_text(app))
        del conversation.log[at:]
        app.show(conversation.envelope(Rewound(to=f"e{at}", turn="e9", prompt="two")))
        await drawn(app, pilot)
        rows = "\n".join(screen_text(app))
        assert "first answer" in rows
        assert "second answer" not in rows
        assert app.composer.text == "two"
