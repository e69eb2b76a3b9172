from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from screen_fakes import ANSWER, REASONING, START, FakeConversation, Wait, answer_turn, options
from screen_pilot import Start, drawn, screen_text, send, settle

from dsterm.core.status import Spend
from dsterm.tui.app import DstermApp
from dsterm.tui.attach.screen import AttachScreen
from dsterm.tui.conversation import SessionSummary


def long_session(turns: int = 12) -> FakeConversation:
    conversation = FakeConversation()
    for number in range(turns):
        for event in answer_turn(REASONING, f"Answer {number}.\n\n{REASONING * (number % 3)}\n\n{ANSWER}"):
            if "Delta" not in type(event).__name__:
                conversation.envelope(event)
    return conversation


async def test_scrolling_up_stops_following_and_end_returns(start: Start) -> None:
    conversation = long_session()
    conversation.turns = [[Wait("scrolled"), *answer_turn("", "New words.\n\n" * 10)]]
    async with start(conversation) as (app, pilot):
        await drawn(app, pilot)
        await send(pilot, app, "more")
        await pilot.press("pageup")
        assert not app.view.is_following
        place = app.view.scroll_offset.y
        conversation.gates["scrolled"].set()
        await settle(app, pilot)
        assert app.view.scroll_offset.y == place
        assert "new lines · Ctrl+End" in screen_text(app)[-2]
        await pilot.press("end")
        await pilot.pause()
        assert app.view.is_following
        assert app.view.scroll_offset.y == app.view.max_scroll_y
        assert any("New words." in row for row in screen_text(app))
        assert "Ctrl+End" not in screen_text(app)[-2]


async def test_scrolling_down_to_the_end_follows_again(start: Start) -> None:
    async with start(long_session()) as (app, pilot):
        await drawn(app, pilot)
        await pilot.press("ctrl+up", "ctrl+up")
        assert not app.view.is_following
        await pilot.press("ctrl+down", "ctrl+down")
        assert app.view.is_following


async def test_the_beginning_is_one_key_away(start: Start) -> None:
    async with start(long_session()) as (app, pilot):
        await drawn(app, pilot)
        await pilot.press("ctrl+home")
        await pilot.pause()
        assert app.view.scroll_offset.y == 0
        assert any("Answer 0." in row for row in screen_text(app))


async def test_another_width_keeps_the_reader_at_the_same_block(start: Start) -> None:
    async with start(long_session(), size=(120, 30)) as (app, pilot):
        await drawn(app, pilot)
        for _ in range(4):
            await pilot.press("pageup")
        await pilot.pause()
        before = {row.strip() for row in screen_text(app) if row.strip().startswith("Answer")}
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        after = {row.strip() for row in screen_text(app) if row.strip().startswith("Answer")}
        assert before & after
        assert all(len(row) <= 80 for row in screen_text(app))


async def test_a_resize_while_following_stays_at_the_end(start: Start) -> None:
    async with start(long_session(), size=(120, 30)) as (app, pilot):
        await drawn(app, pilot)
        await pilot.resize_terminal(60, 20)
        await pilot.pause()
        assert app.view.scroll_offset.y == app.view.max_scroll_y
        assert any("to see it pass." in row for row in screen_text(app))


async def test_every_line_of_a_long_session_can_be_reached_by_scrolling(start: Start) -> None:
    async with start(long_session(6)) as (app, pilot):
        await drawn(app, pilot)
        seen: set[str] = set()
        for _ in range(20):
            seen |= {row.strip() for row in screen_text(app)}
            await pilot.press("pageup")
            await pilot.pause()
        assert {f"Answer {number}." for number in range(6)} <= seen


async def test_selected_text_is_copied_with_ctrl_c(start: Start) -> None:
    conversation = FakeConversation(answer_turn("", "First words of it.\n\nSecond words."))
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "go")
        await settle(app, pilot)
        rows = screen_text(app)
        first = next(index for index, row in enumerate(rows) if "First words" in row)
        await pilot.mouse_down(app.view, offset=(1, first))
        await pilot.hover(app.view, offset=(7, first + 2))
        await pilot.mouse_up(app.view, offset=(7, first + 2))
        await pilot.pause()
        await pilot.press("ctrl+c")
        assert app.clipboard == "First words of it.\n\n Second"
        assert "Copied 3 lines" in screen_text(app)[-2]


async def test_toggles_say_what_the_switch_costs(start: Start) -> None:
    conversation = FakeConversation()
    async with start(conversation) as (app, pilot):
        await pilot.press("f2")
        await pilot.pause()
        await pilot.press("shift+tab")
        await pilot.pause()
        assert conversation.lines == ["/model flash", "/permissions accept-edits"]
        text = screen_text(app)
        assert "the prefix is read again, ~$0.0982" in text[-2]
        assert text[-1].startswith(" Flash  Think  accept-edits")
        await pilot.press("alt+p", "alt+m", "alt+t")
        await pilot.pause()
        assert conversation.lines[2:] == ["/model pro", "/permissions plan", "/mode think-max"]


async def test_the_leader_key_reaches_actions(start: Start) -> None:
    conversation = FakeConversation()
    async with start(conversation) as (app, pilot):
        await pilot.press("ctrl+x", "2")
        await pilot.pause()
        assert conversation.lines == ["/mode think-max"]
        await pilot.press("ctrl+x", "a")
        await pilot.pause()
        await pilot.pause()
        assert isinstance(app.screen, AttachScreen)


async def test_the_leader_key_shows_its_keys_to_who_hesitates(start: Start) -> None:
    async with start(FakeConversation()) as (app, pilot):
        await pilot.press("ctrl+x")
        await pilot.pause(0.7)
        assert any("find any action by name" in row for row in screen_text(app))
        await pilot.press("escape")
        await pilot.pause()
        assert len(app.screen_stack) == 1


@pytest.mark.parametrize("key", ["f1", "question_mark"])
async def test_help_lists_keys_and_commands(start: Start, key: str) -> None:
    async with start(FakeConversation(), size=(100, 60)) as (app, pilot):
        await pilot.press(key)
        await pilot.pause()
        text = "\n".join(screen_text(app))
        assert "Alt+P  F2  Ctrl+X m" in text
        await pilot.press("end")
        await pilot.pause()
        assert "/model [pro|flash|ID]" in "\n".join(screen_text(app))
        await pilot.press("escape")
        await pilot.pause()
        assert len(app.screen_stack) == 1


async def test_the_palette_finds_and_runs_an_action(start: Start) -> None:
    conversation = FakeConversation()
    async with start(conversation) as (_app, pilot):
        await pilot.press("ctrl+k")
        await pilot.pause(0.2)
        await pilot.press(*"set the mode to think max")
        await pilot.pause(0.4)
        await pilot.press("enter")
        await pilot.pause(0.2)
        assert conversation.lines == ["/mode think-max"]


async def test_f5_opens_what_can_be_attached(start: Start) -> None:
    async with start(FakeConversation()) as (app, pilot):
        await pilot.press("f5")
        await pilot.pause()
        assert isinstance(app.screen, AttachScreen)


async def test_a_theme_is_chosen_with_a_live_preview(start: Start) -> None:
    kept: list[str] = []
    async with start(FakeConversation(), save_theme=kept.append) as (app, pilot):
        await send(pilot, app, "/theme")
        await pilot.pause()
        await pilot.press("down")
        await pilot.pause()
        assert app.theme_in_use.name == "paper"
        await pilot.press("escape")
        await pilot.pause()
        assert app.theme_in_use.name == "dusk"
        await send(pilot, app, "/theme contrast")
        assert app.theme_in_use.name == "contrast"
        assert kept == ["contrast"]


async def test_a_theme_that_is_not_there_or_broken_changes_nothing(start: Start, tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text('dark = true\nbackground = "nonsense"\n')
    async with start(FakeConversation(), theme_folders=(tmp_path,), theme="broken") as (app, pilot):
        await pilot.pause()
        assert app.theme_in_use.name == "dusk"
        await drawn(app, pilot)
        assert "broken.toml" in "".join(row.strip() for row in screen_text(app))
        await send(pilot, app, "/theme nowhere")
        assert "nowhere" in screen_text(app)[-2]


async def test_resume_without_an_id_lists_earlier_sessions(start: Start) -> None:
    conversation = FakeConversation()
    conversation.stored = [
        SessionSummary(id="s1", title="this one", at=START, turns=1),
        SessionSummary(id="s7", title="fix the\x1b[31m test", at=START - timedelta(hours=3), turns=4),
    ]
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "/resume")
        await pilot.pause(0.2)
        text = "\n".join(screen_text(app))
        assert "fix the␛[31m test  3 h ago · 4 turns" in text
        assert "this one" not in text
        await pilot.press("enter")
        await settle(app, pilot)
        assert conversation.lines == ["/resume s7"]
        assert "Now in s7." in "\n".join(screen_text(app))


async def test_an_unknown_command_is_one_sentence(start: Start) -> None:
    async with start(FakeConversation()) as (app, pilot):
        await send(pilot, app, "/nonsense")
        await settle(app, pilot)
        assert any("/nonsense is not a command." in row for row in screen_text(app))


async def test_quit_leaves_and_so_do_its_aliases(start: Start) -> None:
    for line in ("/quit", "/exit", "/q"):
        async with start(FakeConversation()) as (app, pilot):
            await send(pilot, app, line)
            await pilot.pause()
            assert app.return_code == 0


async def test_a_prompt_from_the_command_line_is_sent_at_once(start: Start) -> None:
    conversation = FakeConversation(answer_turn("", "Yes."))
    ready: list[str] = []
    async with start(conversation, prompt="hello", on_ready=lambda: ready.append("ready")) as (app, pilot):
        await pilot.pause(0.1)
        await settle(app, pilot)
        assert conversation.prompts == ["hello"]
        assert ready == ["ready"]


async def test_a_crash_leaves_a_short_message_and_a_log_without_values(tmp_path: Path) -> None:
    conversation = FakeConversation()
    app = DstermApp(conversation, options(tmp_path, conversation))

    def fail() -> None:
        secret_value = "sk-secret"
        raise ValueError(secret_value)

    with pytest.raises(ValueError, match="sk-secret"):
        async with app.run_test() as pilot:
            app.call_later(fail)
            await pilot.pause(0.1)
    log = (tmp_path / "crash.log").read_text()
    assert "ValueError: [redacted]" in log
    assert "sk-secret" not in log
    assert app.return_code == 1


async def test_wide_characters_keep_their_columns(start: Start) -> None:
    conversation = FakeConversation(answer_turn("", "日本語のテキスト and 🙂 emoji\n\n" * 3))
    async with start(conversation, size=(40, 20)) as (app, pilot):
        await send(pilot, app, "漢字 を")
        await settle(app, pilot)
        assert any("日本語のテキスト and 🙂 emoji" in row for row in screen_text(app))


async def test_ticks_count_seconds_while_a_turn_runs(start: Start) -> None:
    conversation = FakeConversation([Wait("go")])
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "hello")
        conversation.clock.seconds += 12
        await pilot.pause(0.4)
        assert "working · 12 s · Esc stops" in screen_text(app)[-2]
        conversation.gates["go"].set()
        await settle(app, pilot)
        assert "working" not in screen_text(app)[-2]


async def test_the_demo_says_at_the_start_what_it_understands(start: Start) -> None:
    conversation = FakeConversation()
    async with start(conversation) as (app, _pilot):
        assert not any("fix the failing test" in row for row in screen_text(app))
    conversation.now = msgspec.structs.replace(conversation.now, turn=Spend(is_demo=True))
    async with start(conversation) as (app, _pilot):
        assert any("fix the failing test" in row for row in screen_text(app))
